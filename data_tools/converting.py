"""`convert`: files of one format to a file of another, with a row account."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from data_tools.account import Account
from data_tools.reading import Paths, read
from data_tools.rejects import rejected_file
from data_tools.writing import write


def convert(
    src: Paths,
    dst: str | os.PathLike[str],
    *,
    to: str = "conversation",
    format: str = "auto",
    sheet: str | int | None = None,
    columns: dict[str, str] | None = None,
    header_row: int = 1,
    system: str | None = None,
    encoding: str | None = None,
    container: str | None = None,
    indent: int | None = None,
    drop: Iterable[str] = (),
    rejected: str | os.PathLike[str] | None = None,
    account: Account | None = None,
    strict: bool = False,
    max_rejects: str | int | None = None,
) -> Account:
    """Convert a file, a folder, a pattern or a list of these into one file.

    Rows that cannot be used are set aside in `rejected.jsonl` beside `dst` (or in `rejected`), with
    file, place, reason and the row. For the other arguments see `read` and `write`.

    Returns:
        the row account; it adds up.
    Raises:
        DataError: nothing was written; an earlier `dst` is as it was.
    """
    account = account or Account()
    account.strict, account.max_rejects = strict, max_rejects
    target = Path(rejected) if rejected is not None else Path(dst).parent / "rejected.jsonl"
    reading: dict[str, Any] = {
        "format": format,
        "sheet": sheet,
        "columns": columns,
        "header_row": header_row,
        "system": system,
        "encoding": encoding,
        "keep_raw": to == "same",
    }
    with rejected_file(target, account):
        rows = read(src, account=account, **reading)
        write(rows, dst, format=to, container=container, indent=indent, drop=drop, account=account)
    account.check()
    return account
