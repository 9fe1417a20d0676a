"""One set of keys for every row of a file, for engines that infer types from the first rows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson


def unify(path: Path, columns: Mapping[str, Any]) -> list[str]:
    """Rewrite a JSONL file so that each row has exactly the keys of ``columns``, in that order.

    A missing key or null becomes the value of ``columns``; other keys are left out, and their
    names are returned. The first row with anything in every list comes first: readers that take a
    column's type from the head of a file would take an empty list for a list of nothing.
    """
    lists = [key for key, value in columns.items() if isinstance(value, list)]
    left_out: dict[str, None] = {}
    head = _first_with(path, lists)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as out:
        try:
            for line in _head_first(path, head):
                row = orjson.loads(line)
                left_out.update(dict.fromkeys(key for key in row if key not in columns))
                out.write(orjson.dumps(_filled(row, columns), option=orjson.OPT_APPEND_NEWLINE))
            out.flush()
            os.fsync(out.fileno())
            os.replace(out.name, path)  # noqa: PTH105
        except BaseException:
            Path(out.name).unlink(missing_ok=True)
            raise
    path.chmod(0o644)
    return list(left_out)


def _filled(row: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    given = ((key, row.get(key), value) for key, value in columns.items())
    return {key: value if found is None else found for key, found, value in given}


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as rows:
        yield from (line for line in rows if line.strip())


def _first_with(path: Path, lists: Iterable[str]) -> int | None:
    """The number of the first row in which every one of ``lists`` holds something."""
    wanted = list(lists)
    if not wanted:
        return None
    for number, line in enumerate(_lines(path)):
        row = orjson.loads(line)
        if all(row.get(key) for key in wanted):
            return number
    return None


def _head_first(path: Path, head: int | None) -> Iterator[bytes]:
    if head:
        yield next(line for number, line in enumerate(_lines(path)) if number == head)
    for number, line in enumerate(_lines(path)):
        if number != head or not head:
            yield line
