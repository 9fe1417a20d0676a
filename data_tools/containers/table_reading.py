"""Tables, sheets and plain text as streams of raw objects."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from data_tools.containers import tables
from data_tools.containers.files import open_utf8
from data_tools.containers.opened import Opened
from data_tools.errors import Reject
from data_tools.formats.common import Raw

if TYPE_CHECKING:
    from data_tools.containers.sheets import SheetRows


def paragraphs(reader: Opened) -> Iterator[tuple[int, Raw]]:
    """One text a paragraph; paragraphs are parted by blank lines."""
    lines: list[str] = []
    start = 1
    with open_utf8(reader.kind) as stream:
        for number, line in enumerate(stream, 1):
            try:
                text = line.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                verdict = Reject("not valid UTF-8", f"byte {error.start + 1}")
                reader.bad(number, verdict, line.decode("utf-8", "replace"))
                continue
            if "\x00" in text:
                reader.bad(number, Reject("a NUL character in a text"), text)
            elif text.strip():
                start = start if lines else number
                lines.append(text)
            elif lines:
                yield start, {"text": "\n".join(lines)}
                lines = []
    if lines:
        yield start, {"text": "\n".join(lines)}


def csv_raws(reader: Opened) -> Iterator[tuple[int, Any]]:
    where = reader.source.file
    with open_utf8(reader.kind) as stream:
        records = tables.read_csv(stream, reader.kind.delimiter, where, reader.bad)
        with contextlib.closing(records):
            yield from _table(reader, records)


def _table(reader: Opened, records: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, Any]]:
    where, options = reader.source.file, reader.options
    header: list[str] = []
    width = 0
    for at, fields in records:
        width = len(fields)
        if options.header_row and at < options.header_row:
            continue
        if options.header_row:
            header = fields
        else:
            records = _push_back((at, fields), records)
        break
    places = tables.resolve(options.columns, header, where, width)
    reader.not_read(header, places)
    must = tables.needed(places)
    for at, fields in records:
        if len(fields) != width:
            reader.bad(at, Reject(f"{len(fields)} fields, the header has {width}"), fields)
            continue
        spots = {key: f"column {tables.letter(i)}" for key, i in places.items()}
        try:
            yield at, tables.as_row({k: fields[i] for k, i in places.items()}, must, spots)
        except Reject as verdict:
            reader.bad(at, verdict, dict(zip(header, fields, strict=False)) or fields)


def _push_back(first: Any, rest: Iterable[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def sheet_raws(reader: Opened) -> Iterator[tuple[int, Any]]:
    from data_tools.containers.sheets import SheetRows

    options = reader.options
    with contextlib.closing(SheetRows(reader.kind, options.sheet, reader.account)) as book:
        reader.source = replace(reader.source, sheet=book.name)
        yield from _sheet_table(reader, book)


def _sheet_table(reader: Opened, book: SheetRows) -> Iterator[tuple[int, Any]]:
    from data_tools.containers.sheets import address, cell_text

    options = reader.options
    rows = iter(book)
    header: list[str] = []
    for at, cells in rows if options.header_row else ():
        if at == options.header_row:
            header = [cell_text(cell) for cell in cells]
            break
    places = tables.resolve(options.columns, header, book.where, book.width)
    reader.not_read(header, places)
    must = tables.needed(places)
    wanted = list(places.items())
    blanks: list[int] = []
    plain = set(places) == {"input", "output"}
    asked_at, answer_at = places.get("input", 0), places.get("output", 0)
    last = max(asked_at, answer_at)
    for at, cells in rows:
        if plain and not blanks and len(cells) > last:
            asked, answer = cells[asked_at], cells[answer_at]
            if type(asked) is type(answer) is str and asked.strip() and answer.strip():
                yield at, {"input": asked, "output": answer}
                continue
        if not any(cell_text(cell).strip() for cell in cells):
            blanks.append(at)
            continue
        for blank in blanks:
            reader.bad(blank, _blank_verdict(book, blank), None)
        blanks.clear()
        values = {k: cell_text(cells[i]) if i < len(cells) else "" for k, i in wanted}
        try:
            yield at, tables.as_row(values, must, {k: address(i, at) for k, i in wanted})
        except Reject as verdict:
            column = places[verdict.reason.split(" ")[0]]
            why = book.special(at, column)
            reader.bad(at, Reject(why, verdict.spot) if why else verdict, values)
    for blank in blanks:
        if book.special_row(blank):
            reader.bad(blank, _blank_verdict(book, blank), None)


def _blank_verdict(book: SheetRows, at: int) -> Reject:
    special = book.special_row(at)
    return Reject(
        "the row shows nothing but errors or formulas without a stored value"
        if special
        else "the row is empty"
    )
