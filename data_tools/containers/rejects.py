"""`rejected.jsonl`: every rejected row with its file, place and reason."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from data_tools.account import Account
from data_tools.errors import DataError

NAME = "rejected.jsonl"
FAILED = "rejected.failed.jsonl"


@contextlib.contextmanager
def rejected_file(
    path: str | os.PathLike[str] | None, account: Account, output: str | os.PathLike[str]
) -> Iterator[None]:
    """Collect the account's rejected rows in a file, `rejected.jsonl` beside the output by default.

    The file takes its place when the block ends well; without rejected rows there is none, and one
    of an earlier run is emptied. When the block fails, the rows show why: they go to the same file,
    or, when an earlier output and its rejected rows are there, to `rejected.failed.jsonl`.
    """
    target = Path(path) if path is not None else Path(output).parent / NAME
    keeper = _Keeper(target)
    before, account.sink = account.sink, keeper.keep
    try:
        yield
    except BaseException:
        earlier = Path(output).exists() and target.exists()
        keeper.place(target.with_name(FAILED) if earlier else target)
        raise
    else:
        if not keeper.place(target) and target.exists() and target.stat().st_size:
            target.write_bytes(b"")
    finally:
        account.sink = before


class _Keeper:
    """Records on their way to a file, which is made when the first one comes."""

    def __init__(self, target: Path) -> None:
        self._part = target.with_name(f".{target.name}.{os.getpid()}.part")
        self._file: BinaryIO | None = None

    def keep(self, record: dict[str, Any]) -> None:
        with _written(self._part):
            if self._file is None:
                self._part.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._part.open("wb")
            self._file.write(_line(record))

    def place(self, target: Path) -> bool:
        """Put the file in its place; False when there is none."""
        if self._file is None:
            return False
        with _written(target):
            self._file.close()
            self._part.replace(target)
        return True


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = str(error.strerror)
        raise DataError("The rejected rows cannot be written", str(path), why) from error


def _line(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        record = {**record, "row": repr(record.get("row"))}
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
