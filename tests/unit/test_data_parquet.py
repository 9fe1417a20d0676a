"""Parquet: every type of column is carried, refused row by row, or named in an error."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_support import JSON, TEXT, lines_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_tools import Account, DataError, convert, look, read, write
from data_tools.containers.parquet import write_parquet

DAY = datetime.datetime(2024, 3, 1, 12, 30)
BASE = {"input": ["q1", "q2"], "output": ["a1", "a2"]}
CARRIED: dict[str, tuple[Any, Any]] = {
    "text": (["x", "y"], "x"),
    "large text": (pa.array(["x", "y"], pa.large_string()), "x"),
    "dictionary": (pa.array(["x", "y"]).dictionary_encode(), "x"),
    "text as bytes": ([b"x", "\u4f60".encode()], "x"),
    "integer": (pa.array([2**64 - 1, 0], pa.uint64()), 2**64 - 1),
    "number": ([1.5, 2.5], 1.5),
    "not a number": ([float("nan"), 1.0], None),
    "nothing": (pa.nulls(2), None),
    "decimal": ([decimal.Decimal("1.10"), None], "1.10"),
    "date": ([DAY.date()] * 2, "2024-03-01"),
    "time": ([DAY.time()] * 2, "12:30:00"),
    "time stamp": (pa.array([DAY] * 2, pa.timestamp("s")), "2024-03-01 12:30:00.000"),
    "nanoseconds": (pa.array([1, 2], pa.timestamp("ns")), "1970-01-01 00:00:00.000000001"),
    "far years": (pa.array([10**17, 0], pa.timestamp("us")), "5138-11-16 09:46:40.000000"),
    "duration": ([datetime.timedelta(days=1, seconds=1)] * 2, "1 day, 0:00:01"),
    "struct": ([{"a": DAY.date(), "b": [1]}] * 2, {"a": "2024-03-01", "b": [1]}),
    "map": (pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())), [["a", 1]]),
}
REFUSED: dict[str, Any] = {
    "bytes": [b"\xff\x00", b"\xfe"],
    "nested bytes": [{"bytes": b"\xff", "path": "x.png"}] * 2,
    "list of bytes": [[b"\xff"], [b"x", b"\xfe"]],
    "infinite": [float("inf"), float("-inf")],
    "nested infinite": [[1.0, float("inf")]] * 2,
}
BROKEN: dict[str, Any] = {
    "nested nanoseconds": pa.array([[1], [2]], pa.list_(pa.timestamp("ns"))),
    "nested far years": pa.array([[3 * 10**17], [0]], pa.list_(pa.timestamp("us"))),
}


def put(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table({**BASE, **columns}), path)
    return path


@pytest.mark.parametrize("kind", CARRIED)
def test_a_column_of_any_type_is_carried(tmp_path: Path, kind: str) -> None:
    values, expected = CARRIED[kind]
    path = put(tmp_path / "a.parquet", extra=values)
    convert(path, tmp_path / "out.jsonl", to="same")
    row = lines_of(tmp_path / "out.jsonl")[0]
    assert row.pop("extra", None) == expected
    assert row == {"input": "q1", "output": "a1"}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_json_does_not_have_refuses_its_row(tmp_path: Path, kind: str) -> None:
    path = put(tmp_path / "a.parquet", extra=REFUSED[kind])
    account = Account()
    assert list(read(path, account=account)) == []
    assert (account.read, account.rejected) == (2, 2)
    assert all("extra holds" in reason for reason in account.rejects)
    assert look(path).rows == 0
    with pytest.raises(DataError, match="no rows to write"):
        convert(path, tmp_path / "out.jsonl")
    assert len(lines_of(tmp_path / "out.jsonl.rejected.failed.jsonl")) == 2


@pytest.mark.parametrize("kind", [*REFUSED, *BROKEN])
def test_columns_that_are_not_named_do_no_harm(tmp_path: Path, kind: str) -> None:
    path = put(tmp_path / "a.parquet", extra={**REFUSED, **BROKEN}[kind])
    rows = list(read(path, columns={"input": "input", "output": "output"}))
    assert [row.turns for row in rows] == [[("q1", "a1")], [("q2", "a2")]]


@pytest.mark.parametrize("kind", BROKEN)
def test_a_column_that_nobody_can_read_is_named(tmp_path: Path, kind: str) -> None:
    path = put(tmp_path / "a.parquet", extra=BROKEN[kind])
    with pytest.raises(DataError, match="The column 'extra' cannot be read") as caught:
        list(read(path))
    assert "--columns" in caught.value.fix


LONG = 2**70


@pytest.mark.parametrize("value", [5, -LONG, LONG, True, 1.5, "x", ["a"], [["a", "b"]]])
def test_a_column_of_one_kind_comes_back_as_it_was(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "a.parquet"
    with path.open("wb") as file:
        assert (
            write_parquet(file, lambda: iter([{"extra": value}, {"extra": None}]), ["extra"]) == 2
        )
    expected = str(value) if value in (LONG, -LONG) else value  # beyond what Parquet has
    assert pq.read_table(path).to_pylist()[0]["extra"] == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.dictionaries(TEXT.filter(str.strip), JSON, max_size=3), min_size=1, max_size=4))
def test_whatever_stands_in_the_columns_is_written_or_refused(
    tmp_path: Path, extras: list[dict[str, Any]]
) -> None:
    rows = [{**extra, "instruction": "q", "input": "", "output": "a"} for extra in extras]
    account = Account()
    try:
        write(rows, tmp_path / "a.parquet", format="same", account=account)
    except DataError:
        return
    again = Account()
    assert len(list(read(tmp_path / "a.parquet", account=again))) + again.rejected == len(rows)
