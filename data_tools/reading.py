"""`read`: rows from files of any known container and format."""

from __future__ import annotations

import contextlib
import gzip
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from data_tools import jsonio, tables
from data_tools.account import Account
from data_tools.errors import DataError, Reject
from data_tools.files import expand, look_into, open_utf8
from data_tools.formats import by_name, recognise, unknown
from data_tools.formats.common import Format, Raw, word_for
from data_tools.lanes import Lane, Ready
from data_tools.rows import Row, Source, with_system

if TYPE_CHECKING:
    from data_tools.sheets import SheetRows

Paths = str | os.PathLike[str] | list[str | os.PathLike[str]]
OnReject = Callable[[Reject, dict[str, Any], Any], None]


@dataclass(frozen=True)
class ReadOptions:
    """How files are read; see `read`."""

    format: str = "auto"
    sheet: str | int | None = None
    columns: dict[str, str] | None = None
    header_row: int = 1
    system: str | None = None
    encoding: str | None = None
    keep_raw: bool = False
    lane: Lane | None = None


def read(
    path: Paths,
    *,
    format: str = "auto",
    sheet: str | int | None = None,
    columns: dict[str, str] | None = None,
    header_row: int = 1,
    system: str | None = None,
    account: Account | None = None,
    encoding: str | None = None,
    on_reject: OnReject | None = None,
    keep_raw: bool = False,
) -> Iterator[Row]:
    """Yield the rows of a file, a folder, a pattern, or a list of these.

    Args:
        path: what to read. Container, compression and encoding are found by looking into it.
        format: a format's name, or "auto": by the keys of each row.
        sheet: name or number (from 1) of a workbook's sheet; the first visible one by default.
        columns: what a table's columns mean: {"input": "A", "output": "Answer"} (letter or header).
        header_row: the row with the headers, from 1; 0 when there is none.
        system: a system text for all rows; it replaces those in the file.
        account: counts rows read and rejected; without it the caller's `on_reject` decides.
        encoding: overrides what was found, for example "gb18030".
        on_reject: called with (verdict, place, raw row) for each row that cannot be used. With
            neither `on_reject` nor `account`, the first such row raises DataError.
        keep_raw: keep each row's original object as `row["raw"]`, to write it as it was (rows of
            tables and rows that get a system text are written in their own format).

    Raises:
        DataError: the file is missing, damaged or unknown, or the account's limits are passed.
    """
    options = ReadOptions(format, sheet, columns, header_row, system, encoding, keep_raw)
    account = account or Account(strict=on_reject is None)
    if format != "auto":
        by_name(format)
    return _read_all(expand(path), options, account, on_reject)


def read_ready(paths: list[Path], options: ReadOptions, account: Account) -> Iterator[Row | Ready]:
    """Like `read`, but rows that fit the options' lane come ready to be written."""
    for path in paths:
        yield from _Reader(path, options, account, None).rows()


def _read_all(
    paths: list[Path], options: ReadOptions, account: Account, on_reject: OnReject | None
) -> Iterator[Row]:
    for path in paths:
        for row in _Reader(path, options, account, on_reject).rows():
            yield cast(Row, row)  # without a lane there is nothing else


class _Reader:
    """Reads one file: raw objects from its container, rows by their format."""

    def __init__(
        self, path: Path, options: ReadOptions, account: Account, on_reject: OnReject | None
    ) -> None:
        self.kind = look_into(path, options.encoding, table=bool(options.columns))
        self.options = options
        self.account = account
        self.on_reject = on_reject
        unit = "row" if self.kind.container in ("sheet", "parquet") else "line"
        self.source = Source(str(path), unit)
        self._sources: dict[str, Source] = {}
        if self.kind.encoding not in ("", "utf-8"):
            account.note(f"{path.name} is {self.kind.encoding}; what is written is UTF-8")

    def reject(self, at: int, verdict: Reject, raw: Any) -> None:
        """One row is not usable; it counts as read."""
        if self.on_reject is not None:
            self.on_reject(verdict, {"file": self.source.file, **self.source.place(at)}, raw)
        place = self.source.place(at)
        self.account.reject(verdict, file=self.source.file, place=place, row=raw)

    def bad(self, at: int, verdict: Reject, text: Any) -> None:
        """What a container's reader calls for an item that is no object at all."""
        self.account.read += 1
        self.reject(at, verdict, text)

    def raws(self) -> Iterator[tuple[int, Any]]:
        """(line or row, object) of each item of the file."""
        if self.kind.container == "sheet":
            return _sheet_raws(self)
        if self.kind.container == "parquet":
            return _parquet_raws(self)
        if self.kind.container in ("csv", "tsv"):
            return _csv_raws(self)
        if self.kind.container == "text":
            return _paragraphs(self)
        return _json_raws(self)

    def rows(self) -> Iterator[Row | Ready]:
        try:
            yield from self._rows()
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(
                "The compressed file is damaged",
                f"{self.source.file}, after row {self.account.read}",
                str(error) or "it ends too early",
                "copy or download it again",
            ) from error
        except OSError as error:
            why = str(error.strerror or error)
            raise DataError("The file cannot be read", self.source.file, why) from error

    def _rows(self) -> Iterator[Row | Ready]:
        options, account = self.options, self.account
        fixed = by_name(options.format) if options.format != "auto" else None
        fmt: Format | None = fixed
        system, tick, lane = options.system, account.tick, options.lane
        keep_raw = options.keep_raw and self.kind.container in ("json", "jsonl", "parquet")
        source = self._source_for(fmt) if fmt else self.source
        for at, raw in self.raws():
            account.read += 1
            if tick is not None and not account.read & 4095:
                tick(account.read)
            try:
                if type(raw) is not dict:
                    raise Reject(f"the item is {word_for(raw)}, not an object")
                if lane is not None:
                    ready = lane(raw)
                    if ready is not None:
                        yield Ready(ready)
                        continue
                if fixed is None and (fmt is None or not fmt.matches(raw)):
                    fmt = recognise(raw)
                    if fmt is None:
                        raise unknown(raw)
                    source = self._source_for(fmt)
                assert fmt is not None
                row = Row(fmt.parse(raw), source=source, at=at)
            except Reject as verdict:
                self.reject(at, verdict, raw)
                continue
            if system is not None:
                row = with_system(row, system)
            elif keep_raw:
                row["raw"] = raw
            yield row

    def _source_for(self, fmt: Format) -> Source:
        found = self._sources.get(fmt.NAME)
        if found is None or found.sheet != self.source.sheet:
            found = replace(self.source, format=fmt.NAME)
            self._sources[fmt.NAME] = found
        return found


def raw_items(path: Paths, account: Account) -> Iterator[tuple[Source, int, Any]]:
    """(source, line, object) of each item, not yet counted as read, of no particular format."""
    for file in expand(path):
        reader = _Reader(file, ReadOptions(), account, None)
        for at, raw in reader.raws():
            yield reader.source, at, raw


def _json_raws(reader: _Reader) -> Iterator[tuple[int, Any]]:
    with open_utf8(reader.kind) as stream:
        if reader.kind.container == "jsonl":
            yield from jsonio.read_lines(stream, reader.bad)
        else:
            yield from jsonio.read_json(stream, reader.source.file, reader.bad)


def _parquet_raws(reader: _Reader) -> Iterator[tuple[int, Any]]:
    from data_tools.parquet import read_parquet

    return read_parquet(reader.kind, reader.options.columns)


def _paragraphs(reader: _Reader) -> Iterator[tuple[int, Raw]]:
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


def _csv_raws(reader: _Reader) -> Iterator[tuple[int, Any]]:
    where = reader.source.file
    with open_utf8(reader.kind) as stream:
        records = tables.read_csv(stream, reader.kind.delimiter, where, reader.bad)
        with contextlib.closing(records):
            yield from _table(reader, records)


def _table(reader: _Reader, records: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, Any]]:
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
    must = tables.needed(places)
    for at, fields in records:
        if len(fields) != width:
            reader.bad(at, Reject(f"{len(fields)} fields, the header has {width}"), str(fields))
            continue
        spots = {key: f"column {tables.letter(i)}" for key, i in places.items()}
        try:
            yield at, tables.as_row({k: fields[i] for k, i in places.items()}, must, spots)
        except Reject as verdict:
            reader.bad(at, verdict, str(dict(zip(header, fields, strict=False)) or fields))


def _push_back(first: Any, rest: Iterable[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _sheet_raws(reader: _Reader) -> Iterator[tuple[int, Any]]:
    from data_tools.sheets import SheetRows

    options = reader.options
    with contextlib.closing(SheetRows(reader.kind, options.sheet, reader.account)) as book:
        reader.source = replace(reader.source, sheet=book.name)
        yield from _sheet_table(reader, book)


def _sheet_table(reader: _Reader, book: SheetRows) -> Iterator[tuple[int, Any]]:
    from data_tools.sheets import address, cell_text

    options = reader.options
    rows = iter(book)
    header: list[str] = []
    for at, cells in rows if options.header_row else ():
        if at == options.header_row:
            header = [cell_text(cell) for cell in cells]
            break
    places = tables.resolve(options.columns, header, book.where, book.width)
    must = tables.needed(places)
    wanted = list(places.items())
    blanks: list[int] = []
    plain = set(places) == {"input", "output"}
    asked_at, answer_at = places.get("input", 0), places.get("output", 0)
    for at, cells in rows:
        if plain and not blanks:
            asked, answer = cells[asked_at], cells[answer_at]
            if type(asked) is type(answer) is str and asked.strip() and answer.strip():
                yield at, {"input": asked, "output": answer}
                continue
        if not any(cells) and not any(cell_text(cell).strip() for cell in cells):
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
