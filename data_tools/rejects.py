"""`rejected.jsonl`: every rejected row with its file, place and reason."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from data_tools.account import Account


@contextlib.contextmanager
def rejected_file(path: str | os.PathLike[str], account: Account) -> Iterator[None]:
    """Collect the account's rejected rows in a file.

    The file takes its place when the block ends, also when it ends with an error (then it shows
    why). Without rejected rows there is no file, and one of an earlier run is emptied.
    """
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    file = None

    def keep(record: dict[str, Any]) -> None:
        nonlocal file
        if file is None:
            target.parent.mkdir(parents=True, exist_ok=True)
            file = part.open("wb")
        file.write(_line(record))

    before, account.sink = account.sink, keep
    try:
        yield
    finally:
        account.sink = before
        if file is not None:
            file.flush()
            os.fsync(file.fileno())
            file.close()
            part.replace(target)
        elif target.exists() and target.stat().st_size:
            target.write_bytes(b"")


def _line(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        record = {**record, "row": repr(record.get("row"))}
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
