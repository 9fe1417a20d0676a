"""Damaged files: never a traceback, never a row lost in silence, never a half-written output."""

from __future__ import annotations

import gzip
import importlib.util
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from data_support import conversation, lines_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_tools import Account, DataError, convert, read, write
from data_tools.cli import data
from data_tools.containers.rejects import rejects_for

ROWS = [
    conversation((f'问题 {i} "x"', f"答案\n{i} 😀"), ("more", "yes"), system="be {kind}")
    for i in range(12)
]
FIRST = [row["conversation"][0]["output"] for row in ROWS]
NAMES = ["a.jsonl", "a.json", "b.json", "a.csv", "a.xlsx", "a.jsonl.gz", "a.txt"]
if importlib.util.find_spec("pyarrow"):
    NAMES.append("a.parquet")


def original(folder: Path, name: str) -> bytes:
    path = folder / name
    if name == "b.json":
        path.write_text(json.dumps(ROWS, ensure_ascii=False, indent=4), encoding="utf-8")
    elif name == "a.txt":
        path.write_text("\n\n".join(FIRST), encoding="utf-8")
    else:
        write(ROWS, path)
    return path.read_bytes()


def flip(data: bytearray, pick: random.Random) -> None:
    data[pick.randrange(len(data))] = pick.randrange(256)


def cut(data: bytearray, pick: random.Random) -> None:
    del data[pick.randrange(len(data)) :]


def drop(data: bytearray, pick: random.Random) -> None:
    start = pick.randrange(len(data))
    del data[start : start + pick.randrange(1, 40)]


def insert(data: bytearray, pick: random.Random) -> None:
    junk = [b"\x00", b'"', b"}", b"[", b"\xff\xfe", b"\\ud83d", b",,", b"\n\n", b"null", b"NaN"]
    start = pick.randrange(len(data) + 1)
    data[start:start] = pick.choice(junk)


def repeat(data: bytearray, pick: random.Random) -> None:
    start = pick.randrange(len(data))
    data[start:start] = data[start : start + pick.randrange(1, 200)]


def trouble(work: Callable[[], object]) -> DataError | None:
    """The DataError that the work ends with, if it does; any other exception fails the test."""
    try:
        work()
    except DataError as error:
        return error
    return None


DAMAGE: list[Callable[[bytearray, random.Random], None]] = [flip, cut, drop, insert, repeat]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(seed=st.integers(0, 2**32), times=st.integers(1, 4))
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_read_accounted_for_or_refused(
    tmp_path: Path, name: str, seed: int, times: int
) -> None:
    content = bytearray(original(tmp_path, name))
    pick = random.Random(seed)
    for _ in range(times):
        if content:
            pick.choice(DAMAGE)(content, pick)
    (tmp_path / name).write_bytes(content)
    out = tmp_path / "out" / "o.jsonl"
    account = Account()
    refused = trouble(lambda: convert(tmp_path / name, out, drop=["all"], account=account))
    if refused is not None:
        assert refused.what
        assert refused.where
        assert not out.exists()
    else:
        account.check()
        assert account.written == len(lines_of(out))
        if account.rejected:
            assert len(lines_of(rejects_for(out))) == account.rejected
        out.unlink()
    left = {path.name for path in out.parent.iterdir()} if out.parent.exists() else set()
    assert left <= {"o.jsonl.rejected.jsonl", "o.jsonl.rejected.failed.jsonl"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    account = Account()
    kept: list[object] = []
    refused = trouble(lambda: kept.extend(read(path, account=account)))
    if refused is not None:
        assert refused.where
    else:
        assert account.read == len(kept) + account.rejected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=8), st.integers(0, 8))
def test_good_lines_survive_whatever_stands_between_them(
    tmp_path: Path, junk: list[bytes], position: int
) -> None:
    """Every line is a row, a reject with its own line number, or blank."""
    lines = [line.replace(b"\n", b"").replace(b"\r", b"") for line in junk]
    good = json.dumps(ROWS[0]).encode()
    lines[min(position, len(lines)) :] = [good, *lines[position:], good]
    path = tmp_path / "a.jsonl"
    path.write_bytes(good + b"\n" + b"\n".join(lines) + b"\n")
    account = Account()
    kept = list(read(path, account=account, encoding="utf-8"))
    blank = sum(not line.strip() for line in lines)
    assert account.read == len(lines) + 1 - blank
    assert len(kept) + account.rejected == account.read
    assert len(kept) >= 3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", ["convert", "check", "look", "split"])
def test_the_commands_show_no_traceback(tmp_path: Path, name: str, command: str) -> None:
    content = bytearray(original(tmp_path, name))
    pick = random.Random(len(name))
    for round_ in range(12):
        damaged = bytearray(content)
        DAMAGE[round_ % len(DAMAGE)](damaged, pick)
        (tmp_path / name).write_bytes(damaged)
        arguments = [command, str(tmp_path / name)]
        arguments += [str(tmp_path / "o.jsonl")] if command == "convert" else []
        result = CliRunner().invoke(data, arguments)
        assert result.exit_code in (0, 1)
        assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_deeply_nested_value_is_refused_without_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"conversation":' + "[" * 100_000 + "]" * 100_000 + "}\n")
    account = Account()
    assert list(read(path, account=account)) == []
    assert account.rejected == 1
    path.write_text("[" * 100_000 + "]" * 100_000)
    assert list(read(path, account=Account())) == []


def test_a_gzip_file_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(json.dumps(ROWS).encode()))
    packed[-6] ^= 255
    (tmp_path / "a.json.gz").write_bytes(packed)
    with pytest.raises(DataError, match="damaged"):
        list(read(tmp_path / "a.json.gz"))
