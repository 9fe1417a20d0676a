"""`convert`: files of one format to a file of another, with a row account."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from data_tools.account import Account, limit_of
from data_tools.containers.atomic import atomic
from data_tools.containers.files import expand
from data_tools.containers.reading import SCRIPTS, Paths, ReadOptions, read, read_ready
from data_tools.containers.rejects import rejected_file
from data_tools.containers.writing import container_for, write_to
from data_tools.formats import lanes
from data_tools.formats.lanes import Ready
from data_tools.operations.steps import apply_steps
from data_tools.operations.workers import convert_parallel, worth_it
from data_tools.rows import Row

CHANGING = {"clean", "roleplay"}
"""Steps after which a row cannot be written as it was, but in its own format."""


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
    steps: Mapping[str, Any] | None = None,
    processes: int | None = None,
    allow_empty: bool = False,
) -> Account:
    """Convert a file, a folder, a pattern or a list of these into one file.

    Rows that cannot be used are set aside in `rejected.jsonl` beside `dst` (or in `rejected`), with
    file, place, reason and the row. For the other arguments see `read` and `write`.

    Args:
        steps: operations on the way, in order, as in a recipe; see `apply_steps`.
        processes: 1 keeps to this process; by default several large files use all cores.
        allow_empty: write an empty file when no row is left; otherwise that is an error.

    Returns:
        the row account; it adds up.
    Raises:
        DataError: nothing was written; an earlier `dst` is as it was.
    """
    account = account or Account()
    account.strict, account.max_rejects = strict, max_rejects
    limit_of(max_rejects)
    reading: dict[str, Any] = {
        "format": format,
        "sheet": sheet,
        "columns": columns,
        "header_row": header_row,
        "system": system,
        "encoding": encoding,
        "keep_raw": to == "same" and not CHANGING & set(steps or {}),
    }
    kind = container or container_for(dst)
    with rejected_file(rejected, account, dst):
        paths = expand(src, but=[dst])
        alike = not steps and indent is None and to != "same" and not allow_empty
        if processes != 1 and alike and worth_it(paths, kind):
            Path(dst).parent.mkdir(parents=True, exist_ok=True)
            options = {**reading, "to": to, "drop": list(drop), "strict": strict}
            del options["keep_raw"]
            convert_parallel(paths, dst, options, kind, account)
        else:
            rows: Iterable[Row | Ready]
            if steps or format in SCRIPTS:
                rows = apply_steps(
                    read([*paths], account=account, **reading), steps or {}, account=account
                )
            else:
                lane = lanes.find(to, system) if format in ("auto", "conversation") else None
                rows = read_ready(paths, ReadOptions(**reading, lane=lane), account)
            with atomic(dst) as file:
                write_to(rows, file, kind, format=to, drop=drop, account=account, indent=indent)
                account.check(some="" if allow_empty else os.fspath(dst))
    return account
