"""JSON texts: objects round the rows, long items, long integers, deep nesting."""

from __future__ import annotations

import contextlib
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from data_support import FILLED, JSON, conversation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_tools import Account, DataError, read
from data_tools.containers import jsonscan
from data_tools.containers.jsonio import loads

ROWS = [conversation((f"问题 {i}", f"答案 {i}")) for i in range(4)]
EXPECTED = [[(f"问题 {i}", f"答案 {i}")] for i in range(4)]


def items(text: bytes) -> tuple[list[Any], list[str]]:
    """The items of a JSON text, and the keys that stand beside them."""
    beside: list[str] = []
    found = jsonscan.read_json(io.BytesIO(text), "x", lambda *_: None, beside.append)
    return [value for _, value in found], beside


AROUND = [
    ({"version": 1, "data": ROWS}, ["version"]),
    ({"rows": ROWS, "count": 4}, ["count"]),
    (
        {"meta": {"a": [{"b": 1}], "x": "]}"}, "license": None, "examples": ROWS},
        ["meta", "license"],
    ),
    ({"tags": ["a", "b"], "items": ROWS[:2], "empty": [], "more": ROWS[2:]}, ["tags", "empty"]),
    ({"train": ROWS[:3], "test": ROWS[3:], "ok": True, "share": 0.5}, ["ok", "share"]),
    ({"dataset": "x" * 5000, "说明": '"]}{[', "records": ROWS}, ["dataset", "说明"]),
]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(("value", "beside"), AROUND)
def test_an_object_round_the_rows_is_stepped_into(
    tmp_path: Path, value: Any, beside: list[str], indent: int | None
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent))
    account = Account()
    assert [row.turns for row in read(path, account=account)] == EXPECTED
    assert not account.rejected
    assert [note.split(": ")[1].split("'")[1] for note in account.notes] == beside


ONE_ROW = [
    {"id": 1, "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
    {"instruction": "q", "input": "", "output": "a", "history": [["b", "c"]]},
    {"tools": [{"name": "f"}], "messages": [{"role": "user", "content": "q"}]},
]


@pytest.mark.parametrize("row", ONE_ROW)
def test_a_row_is_not_taken_for_an_object_round_rows(row: Any) -> None:
    for indent in (None, 2):
        assert items(json.dumps(row, indent=indent).encode()) == ([row], [])


@pytest.mark.parametrize("text", [
    '{"version": 1, "data": [{"a": 1}',
    '{"version": 1, "data": [{"a": 1}]',
    '{"version": 1, "data": [{"a": 1}] "more": 2}',
    '{"version": 1, "data": [{"a": 1}], }',
    '{"version": 1, "data": [{"a": 1}]} trailing',
    '{"version": 1, "data": [{"a": 1}], "more"}',
    '{"version": 1, "data": [{"a": 1} {"a": 2}]}',
])  # fmt: skip
def test_damage_round_the_rows_has_its_place(text: str) -> None:
    with pytest.raises(DataError, match="where: x, line 1, item"):
        items(text.encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(FILLED.filter(lambda key: key not in jsonscan.ROW_KEYS), JSON, max_size=3),
    st.lists(st.dictionaries(FILLED, JSON, min_size=1), min_size=1, max_size=3),
    st.integers(1, 50),
)
def test_rows_are_found_whatever_stands_before_them(
    before: dict[str, Any], rows: list[Any], chunk: int
) -> None:
    def holds_rows(value: Any) -> bool:
        return isinstance(value, list) and bool(value) and isinstance(value[0], dict | list)

    before = {key: value for key, value in before.items() if not holds_rows(value)}
    whole = json.dumps({**before, "the rows": rows}, ensure_ascii=False).encode()
    assert jsonscan.wraps_rows(whole.decode())
    old, jsonscan.CHUNK = jsonscan.CHUNK, chunk
    try:
        scan = jsonscan._Scanner(io.BytesIO(whole), "x")
        scan.peek()
        scan.at += 1
        beside: list[str] = []
        found = [v for _, v in jsonscan._envelope(scan, lambda *_: None, beside.append)]
    finally:
        jsonscan.CHUNK = old
    assert found == rows
    assert beside == list(before)


BODIES = {
    "plain": b"x" * 64,
    "escapes": b'\\n\\"' * 16,
    "backslashes": b"\\\\" * 32,
    "brackets": b"[{}]" * 16,
    "chinese": "中文".encode() * 10,
}


@pytest.mark.parametrize("body", BODIES)
def test_a_long_text_in_an_array_takes_linear_time(body: str) -> None:
    """Four times the text may not take much more than four times as long."""

    def seconds(size: int) -> float:
        text = b'[{"a": "' + BODIES[body] * (size // len(BODIES[body])) + b'"}, {"a": 1}]'
        best = 9.0
        for _ in range(3):
            start = time.process_time()
            found, _ = items(text)
            best = min(best, time.process_time() - start)
            assert len(found) == 2
        return best

    assert seconds(8 << 20) < 8 * seconds(2 << 20) + 0.2
    assert seconds(8 << 20) < 4.0


@given(st.integers(-(10**40), 10**40), st.booleans())
def test_integers_stay_integers(number: int, nested: bool) -> None:
    value = {"a": [number, {"b": number}], "c": "中" * nested}
    assert loads(json.dumps(value).encode()) == value
    assert items(json.dumps([value]).encode())[0] == [value]


@pytest.mark.parametrize("text", [
    b"[" * 100_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a": ' + b"9" * 100_000 + b"}",
    b'{"a": ' + b"[" * 1000 + b"9" * 30 + b"]" * 1000 + b"}",
])  # fmt: skip
def test_what_is_beyond_all_measure_is_damage_in_words(tmp_path: Path, text: bytes) -> None:
    for name, whole in (("a.jsonl", text + b"\n"), ("a.json", b"[" + text + b"]")):
        path = tmp_path / name
        path.write_bytes(whole)
        account = Account()
        with contextlib.suppress(DataError):
            list(read(path, account=account))
        assert account.read == account.rejected


@given(JSON, st.integers(2**64, 10**40), st.integers(0, 8))
def test_integers_beyond_64_bits_stay_integers_wherever_they_stand(
    before: Any, number: int, shift: int
) -> None:
    value = {"a": before, "b" * shift: [-number, number]}
    assert loads(json.dumps(value).encode()) == value
