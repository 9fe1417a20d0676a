"""The row account adds up, names its reasons, and stops where it is told to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from data_support import conversation, lines_of, put_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_tools import Account, DataError, Reject, convert, read
from data_tools.account import limit_of

GOOD = conversation(("q", "a"))
NO_ANSWER: dict[str, Any] = {"conversation": [{"input": "q", "output": None}]}
EMPTY: dict[str, Any] = {"conversation": []}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.sampled_from(["good", "none", "empty", "junk"]), min_size=1, max_size=30))
def test_read_is_written_plus_rejected_and_every_reject_has_its_record(
    tmp_path: Path, kinds: list[str]
) -> None:
    text = {"good": GOOD, "none": NO_ANSWER, "empty": EMPTY}
    path = put_lines(tmp_path / "in.jsonl", [text.get(kind, 5) for kind in kinds])
    bad = [(n, kind) for n, kind in enumerate(kinds, 1) if kind != "good"]
    if len(bad) == len(kinds):
        with pytest.raises(DataError, match=r"no rows to write|not JSON"):
            convert(path, tmp_path / "out.jsonl")
        return
    account = convert(path, tmp_path / "out.jsonl")
    assert account.read == len(kinds) == account.written + account.rejected
    assert account.rejected == account.faults == len(bad) == sum(account.rejects.values())
    records = lines_of(tmp_path / "out.jsonl.rejected.jsonl") if bad else []
    assert [record["line"] for record in records] == [n for n, _ in bad]
    for record, (_, kind) in zip(records, bad, strict=True):
        assert record["file"] == str(path)
        assert record["row"] == text.get(kind, 5)
        assert record["reason"] in account.rejects


def test_a_later_run_without_rejects_takes_the_file_away(tmp_path: Path) -> None:
    path = put_lines(tmp_path / "in.jsonl", [GOOD, EMPTY])
    convert(path, tmp_path / "out.jsonl")
    assert len(lines_of(tmp_path / "out.jsonl.rejected.jsonl")) == 1
    put_lines(path, [GOOD])
    convert(path, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl.rejected.jsonl").exists()


def test_no_rejects_leave_no_file(tmp_path: Path) -> None:
    convert(put_lines(tmp_path / "in.jsonl", [GOOD]), tmp_path / "out" / "o.jsonl")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["o.jsonl"]


def test_strict_stops_at_the_first_and_leaves_the_earlier_output(tmp_path: Path) -> None:
    path = put_lines(tmp_path / "in.jsonl", [GOOD, GOOD, NO_ANSWER, EMPTY])
    out = tmp_path / "out.jsonl"
    out.write_text("earlier")
    with pytest.raises(DataError, match="output is empty") as caught:
        convert(path, out, strict=True)
    assert "line 3" in caught.value.where
    assert out.read_text() == "earlier"
    failed = tmp_path / "out.jsonl.rejected.failed.jsonl"
    assert [record["line"] for record in lines_of(failed)] == [3]
    assert str(failed) in caught.value.fix


@pytest.mark.parametrize(("limit", "passes"), [(2, True), ("2", True), (1, False), ("0", False)])
def test_a_limit_in_rows(tmp_path: Path, limit: Any, passes: bool) -> None:
    path = put_lines(tmp_path / "in.jsonl", [GOOD, EMPTY, GOOD, EMPTY])
    if passes:
        assert convert(path, tmp_path / "o.jsonl", max_rejects=limit).rejected == 2
        return
    with pytest.raises(DataError, match="Too many rows"):
        convert(path, tmp_path / "o.jsonl", max_rejects=limit)
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize(("limit", "passes"), [("50%", True), ("49.9%", False), ("0%", False)])
def test_a_limit_as_a_share_of_the_rows_read(tmp_path: Path, limit: str, passes: bool) -> None:
    path = put_lines(tmp_path / "in.jsonl", [EMPTY, EMPTY, GOOD, GOOD])
    if passes:
        assert convert(path, tmp_path / "o.jsonl", max_rejects=limit).written == 2
        return
    with pytest.raises(DataError, match="2 of 4 rows cannot be used"):
        convert(path, tmp_path / "o.jsonl", max_rejects=limit)
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize("limit", ["many", "-1", "-5%", "%", ""])
def test_a_limit_that_is_none(limit: str) -> None:
    with pytest.raises(DataError, match="no limit"):
        limit_of(limit)


def test_rows_left_out_on_purpose_are_no_faults() -> None:
    account = Account(read=2, strict=True, max_rejects=0)
    account.reject(Reject("a duplicate"), asked=True)
    account.written = 1
    account.check()
    assert (account.rejected, account.faults) == (1, 0)


def test_an_account_that_does_not_add_up_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="read 3, written 1, rejected 1"):
        Account(read=3, written=1, rejected=1).check()


def test_the_summary_shows_reasons_and_places(tmp_path: Path) -> None:
    path = put_lines(tmp_path / "in.jsonl", [GOOD, *[EMPTY] * 7, NO_ANSWER])
    text = convert(path, tmp_path / "o.jsonl").summary()
    assert "conversation is empty" in text
    assert text.count("in.jsonl line") == 5
    table = [line for line in text.split("first rejected")[0].splitlines() if line[60:].strip()]
    counts = {line[:60].strip(): int(line[60:]) for line in table}
    assert counts["rows read"] == 9
    assert counts["conversation is empty"] == 7


def test_read_alone_raises_calls_or_counts(tmp_path: Path) -> None:
    path = put_lines(tmp_path / "in.jsonl", [GOOD, EMPTY, GOOD])
    with pytest.raises(DataError, match="conversation is empty"):
        list(read(path))
    seen: list[Any] = []
    rows = list(read(path, on_reject=lambda verdict, place, raw: seen.append((place, raw))))
    assert len(rows) == 2
    assert seen == [({"file": str(path), "line": 2}, EMPTY)]


def test_a_full_disk_is_an_error_and_leaves_the_earlier_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    path = put_lines(tmp_path / "in.jsonl", [GOOD])
    out = tmp_path / "out.jsonl"
    out.write_text("earlier")

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left"):
        convert(path, out)
    assert out.read_text() == "earlier"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_an_interrupt_leaves_the_earlier_output_and_nothing_else(tmp_path: Path) -> None:
    path = put_lines(tmp_path / "in.jsonl", [GOOD] * 10000)
    out = tmp_path / "out.jsonl"
    out.write_text("earlier")
    account = Account()

    def interrupt(rows: int) -> None:
        raise KeyboardInterrupt

    account.tick = interrupt
    with pytest.raises(KeyboardInterrupt):
        convert(path, out, account=account)
    assert out.read_text() == "earlier"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_the_output_may_replace_its_own_source(tmp_path: Path) -> None:
    path = put_lines(tmp_path / "in.jsonl", [GOOD] * 3)
    convert(path, path, to="alpaca")
    assert lines_of(path) == [{"instruction": "q", "input": "", "output": "a", "history": []}] * 3


def test_files_keep_the_mode_of_the_one_they_replace(tmp_path: Path) -> None:
    path = put_lines(tmp_path / "in.jsonl", [GOOD])
    out = tmp_path / "out.jsonl"
    out.write_text("earlier")
    out.chmod(0o600)
    convert(path, out)
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_failing_run_leaves_the_earlier_output_and_its_rejected_rows(tmp_path: Path) -> None:
    path = put_lines(tmp_path / "in.jsonl", [GOOD, EMPTY])
    out = tmp_path / "out.jsonl"
    convert(path, out)
    earlier = out.read_bytes(), (tmp_path / "out.jsonl.rejected.jsonl").read_bytes()
    put_lines(path, [GOOD, NO_ANSWER])
    with pytest.raises(DataError, match="output is empty"):
        convert(path, out, strict=True)
    assert (out.read_bytes(), (tmp_path / "out.jsonl.rejected.jsonl").read_bytes()) == earlier
    (failed,) = lines_of(tmp_path / "out.jsonl.rejected.failed.jsonl")
    assert failed["row"] == NO_ANSWER


def test_an_output_in_the_folder_that_is_read_is_not_read_again(tmp_path: Path) -> None:
    put_lines(tmp_path / "in.jsonl", [GOOD, EMPTY])
    for _ in range(2):
        account = convert(tmp_path, tmp_path / "out.jsonl")
        assert (account.read, account.written) == (2, 1)
        account = convert(str(tmp_path / "*.jsonl"), tmp_path / "out.jsonl")
        assert (account.read, account.written) == (2, 1)


def test_a_link_is_followed(tmp_path: Path) -> None:
    path = put_lines(tmp_path / "in.jsonl", [GOOD])
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    convert(path, tmp_path / "link.jsonl")
    assert (tmp_path / "link.jsonl").is_symlink()
    assert lines_of(tmp_path / "real.jsonl") == [GOOD]
