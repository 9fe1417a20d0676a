"""Rows of a table (CSV, TSV, a sheet): which column is what, and cells as text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from data_tools.errors import DataError, Reject, UnnamedColumns, UsageFault
from data_tools.formats import known_columns
from data_tools.formats.common import undump
from data_tools.nearest import did_you_mean

OPTIONAL = {"system", "history", "tools", "images", "image", "id", "loss"}
NESTED = {"conversation", "conversations", "messages", "history", "tools", "images", "image"}
_LETTERS = re.compile(r"[A-Z]{1,3}")


def letter(index: int) -> str:
    """0 → 'A', 26 → 'AA'."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name


def index_of(letters: str) -> int:
    """'A' → 0, 'AA' → 26."""
    number = 0
    for char in letters:
        number = number * 26 + ord(char) - 64
    return number - 1


def resolve(
    columns: Mapping[str, str] | None, header: list[str], where: str, width: int
) -> dict[str, int]:
    """Which column holds what: {'input': 0, 'output': 3}.

    `columns` maps a row's key to a column letter or a header text; without it the headers
    themselves are the keys.
    """
    if columns:
        return {key: _find(str(value), header, where, width) for key, value in columns.items()}
    names = [name.strip() for name in header]
    named = {name: index for index, name in enumerate(names) if name}
    if len(named) < len([name for name in names if name]):
        twice = next(name for name in names if name and names.count(name) > 1)
        raise UsageFault(f"Two columns are named {twice!r}", where, fix="name columns by letter")
    if not known_columns(named):
        raise UnnamedColumns(
            "The columns have no names that are known",
            where,
            "the header row reads: " + ", ".join(named) if named else "the header row is empty",
            "say which column is what, for example --columns input=A,output=D",
        )
    return named


def _find(wanted: str, header: list[str], where: str, width: int) -> int:
    hits = [i for i, name in enumerate(header) if name.strip() == wanted.strip()]
    by_letter = index_of(wanted) if _LETTERS.fullmatch(wanted) else -1
    if len(hits) == 1 and by_letter in (-1, hits[0]):
        return hits[0]
    if len(hits) > 1:
        at = ", ".join(letter(i) for i in hits)
        raise UsageFault(
            f"Several columns are named {wanted!r}", where, f"columns {at}", "use the letter"
        )
    if hits and 0 <= by_letter < width:
        raise UsageFault(
            f"{wanted!r} is both a column's letter and the header of column {letter(hits[0])}",
            where,
            fix="rename that header",
        )
    if hits:
        return hits[0]
    if 0 <= by_letter < max(width, 1):
        return by_letter
    known = [name for name in header if name.strip()]
    shown = ", ".join(f"{letter(i)} {name!r}" for i, name in enumerate(header) if name.strip())
    raise UsageFault(
        f"There is no column {wanted!r}",
        where,
        f"the columns are: {shown or 'none with a name'}",
        did_you_mean(wanted, known) or "name a column by its letter or by its header",
    )


def needed(keys: Iterable[str]) -> set[str]:
    """The keys that must not be empty in a row: all but the optional ones."""
    found = set(keys) - OPTIONAL
    if "instruction" in found:
        found.discard("input")
    if found & {"conversation", "conversations", "messages"}:
        found -= {"input", "output"}
    return found & {
        "instruction", "input", "output", "prompt", "response", "completion", "query",
        "question", "answer", "content", "summary", "text", "conversation", "conversations",
        "messages",
    }  # fmt: skip


def as_row(cells: dict[str, str], must: set[str], spots: dict[str, str]) -> dict[str, Any]:
    """The object that a table's row stands for; empty optional cells are left out.

    Raises:
        Reject: a needed cell is empty; `spots` gives its address.
    """
    raw: dict[str, Any] = {}
    for key, value in cells.items():
        if value.strip():
            raw[key] = undump(value) if key in NESTED and value.lstrip()[:1] in "[{" else value
        elif key in must:
            raise Reject(f"{key} is empty", spots.get(key, ""))
        elif key == "input":
            raw[key] = ""
    return raw


def read_csv(
    stream: BinaryIO, delimiter: str, where: str, bad: Any
) -> Generator[tuple[int, list[str]], None, None]:
    """(line number, fields) of each record, the header's included; blank lines are skipped."""
    csv.field_size_limit(1 << 30)
    text = io.TextIOWrapper(stream, encoding="utf-8", errors="strict", newline="")
    try:
        yield from _records(csv.reader(text, delimiter=delimiter, strict=True), where, bad)
    finally:
        text.detach()  # the stream is its owner's to close


def _records(reader: Any, where: str, bad: Any) -> Iterator[tuple[int, list[str]]]:
    line = 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise DataError(
                    "The table ends inside a quoted field",
                    f"{where}:{line}",
                    "the file looks truncated, or a quotation mark is missing",
                ) from error
            bad(line, Reject(f"not a valid CSV line: {error}"), "")
            line = reader.line_num + 1
            continue
        except UnicodeDecodeError as error:
            raise DataError(
                "The text is not valid UTF-8",
                f"{where}:{line} or after",
                str(error),
                "name the encoding with --encoding, for example gb18030",
            ) from error
        if fields is None:
            return
        if any("\x00" in field for field in fields):
            bad(line, Reject("a NUL character in a text"), fields)
        elif fields:
            yield line, fields
        line = reader.line_num + 1
