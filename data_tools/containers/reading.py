"""`read`: rows from files of any known container and format."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from data_tools.account import Account
from data_tools.containers import jsonio, jsonscan, table_reading
from data_tools.containers.files import expand, look_into, open_utf8
from data_tools.errors import DataError, Reject
from data_tools.formats import by_name, recognise, unknown
from data_tools.formats.common import Format, word_for
from data_tools.formats.lanes import Lane, Ready
from data_tools.rows import Row, Source, with_system

Paths = str | os.PathLike[str] | list[str | os.PathLike[str]]
SCRIPTS = {"tool-alpaca": "format_tool_alpaca", "advertise-gen": "format_advertise_gen"}
"""Source data sets that a script of ChatGLM3 formats: a name for `format`, and the function."""
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
        format: a format's name, or "auto": by the keys of each row. Also "tool-alpaca" and
            "advertise-gen": what ChatGLM3's scripts make of these two data sets.
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
    if format in SCRIPTS:
        return _scripted(path, options, account)
    if format != "auto":
        by_name(format)
    return _read_all(expand(path), options, account, on_reject)


def _scripted(path: Paths, options: ReadOptions, account: Account) -> Iterator[Row]:
    from data_tools.formats import chatglm3_scripts

    rows = getattr(chatglm3_scripts, SCRIPTS[options.format])(path, account=account)
    for row in rows:
        yield row if options.system is None else with_system(row, options.system)


def read_ready(paths: list[Path], options: ReadOptions, account: Account) -> Iterator[Row | Ready]:
    """Like `read`, but rows that fit the options' lane come ready to be written."""
    for path in paths:
        yield from Reader(path, options, account, None).rows()


def _read_all(
    paths: list[Path], options: ReadOptions, account: Account, on_reject: OnReject | None
) -> Iterator[Row]:
    for path in paths:
        for row in Reader(path, options, account, on_reject).rows():
            yield cast(Row, row)  # without a lane there is nothing else


class Reader:
    """Reads one file: raw objects from its container, rows by their format."""

    def __init__(
        self, path: Path, options: ReadOptions, account: Account, on_reject: OnReject | None
    ) -> None:
        table, text = bool(options.columns), options.format == "text"
        self.kind = look_into(path, options.encoding, table=table, text=text)
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

    def aside(self, key: str) -> None:
        """What a reader calls for a key of the object round the rows that is not carried."""
        self.account.note(f"{self.kind.path.name}: {key!r} stands beside the rows and is not read")

    def raws(self) -> Iterator[tuple[int, Any]]:
        """(line or row, object) of each item of the file."""
        if self.kind.container == "sheet":
            return table_reading.sheet_raws(self)
        if self.kind.container == "parquet":
            return _parquet_raws(self)
        if self.kind.container in ("csv", "tsv"):
            return table_reading.csv_raws(self)
        if self.kind.container == "text":
            return table_reading.paragraphs(self)
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
        reader = Reader(file, ReadOptions(), account, None)
        for at, raw in reader.raws():
            yield reader.source, at, raw


def _json_raws(reader: Reader) -> Iterator[tuple[int, Any]]:
    with open_utf8(reader.kind) as stream:
        if reader.kind.container == "jsonl":
            found = jsonio.read_lines(stream, reader.bad)
        else:
            found = jsonscan.read_json(stream, reader.source.file, reader.bad, reader.aside)
        columns = reader.options.columns
        if columns is None:
            yield from found
        else:
            yield from ((at, _renamed(raw, columns)) for at, raw in found)


def _renamed(raw: Any, columns: dict[str, str]) -> Any:
    """An object's own keys in the place of a table's headers; one without them stays as it is."""
    if type(raw) is not dict or not any(name in raw for name in columns.values()):
        return raw
    return {key: raw.get(name) for key, name in columns.items()}


def _parquet_raws(reader: Reader) -> Iterator[tuple[int, Any]]:
    from data_tools.containers.parquet import read_parquet

    return read_parquet(reader.kind, reader.options.columns)
