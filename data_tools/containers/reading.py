"""`read`: rows from files of any known container and format."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from data_tools.account import Account
from data_tools.containers import jsonio, jsonscan, table_reading
from data_tools.containers.files import expand, open_utf8
from data_tools.containers.opened import OnReject, Opened, ReadOptions
from data_tools.errors import DataError, Reject
from data_tools.formats import by_name, recognise, tool_alpaca, unknown
from data_tools.formats.common import Format, word_for
from data_tools.formats.shortcuts import Emitted
from data_tools.rows import At, Row, Source, is_plain, unfit, with_system

Paths = str | os.PathLike[str] | list[str | os.PathLike[str]]


def read(
    path: Paths,
    options: ReadOptions | None = None,
    *,
    account: Account | None = None,
    on_reject: OnReject | None = None,
    **more: Any,
) -> Iterator[Row]:
    """Yield the rows of a file, a folder, a pattern, or a list of these.

    Args:
        path: what to read. Container, compression and encoding are found by looking into it.
        options: how; or its fields as keywords: `read("a.xlsx", columns={"input": "A", …})`.
        account: counts rows read and rejected; without it the caller's `on_reject` decides.
        on_reject: called with (verdict, place, raw row) for each row that cannot be used. With
            neither `on_reject` nor `account`, the first such row raises DataError.

    Raises:
        DataError: the file is missing, damaged or unknown, or the account's limits are passed.
    """
    options = replace(options or ReadOptions(), **more)
    account = account or Account(strict=on_reject is None)
    if options.format not in ("auto", tool_alpaca.NAME):
        by_name(options.format)
    return _read_all(expand(path), options, account, on_reject)


def read_for_writing(
    paths: list[Path], options: ReadOptions, account: Account
) -> Iterator[Row | Emitted]:
    """Like `read`, but rows that fit the options' shortcut come ready to be written."""
    for path in paths:
        yield from Reader(path, options, account, None).rows()


def _read_all(
    paths: list[Path], options: ReadOptions, account: Account, on_reject: OnReject | None
) -> Iterator[Row]:
    for path in paths:
        for row in Reader(path, options, account, on_reject).rows():
            yield cast(Row, row)  # without a shortcut there is nothing else


class Reader(Opened):
    """Reads one file: raw objects from its container, rows by their format."""

    def raws(self) -> Iterator[tuple[At, Any]]:
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

    def rows(self) -> Iterator[Row | Emitted]:
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

    def _rows(self) -> Iterator[Row | Emitted]:
        options, account = self.options, self.account
        if options.format == tool_alpaca.NAME:
            yield from self._instances()
            return
        fixed = by_name(options.format) if options.format != "auto" else None
        fmt: Format | None = fixed
        system, tick, shortcut = options.system, account.tick, options.shortcut
        keep_raw = options.keep_raw and self.kind.container in ("json", "jsonl", "parquet")
        source = self._source_for(fmt) if fmt else self.source
        for at, raw in self.raws():
            account.read += 1
            if tick is not None and not account.read & 4095:
                tick(account.read)
            try:
                if type(raw) is not dict:
                    raise Reject(f"the item is {word_for(raw)}, not an object")
                if shortcut is not None:
                    ready = shortcut(raw)
                    if ready is not None:
                        yield Emitted(ready)
                        continue
                if fixed is None and (fmt is None or not fmt.matches(raw)):
                    fmt = recognise(raw)
                    if fmt is None:
                        raise unknown(raw)
                    source = self._source_for(fmt)
                assert fmt is not None
                row = Row(fmt.parse(raw), source=source, at=at)
                if not is_plain(row) and (why := unfit(dict(row))):
                    raise Reject(why)
            except Reject as verdict:
                self.reject(at, verdict, raw)
                continue
            if system is not None:
                row = with_system(row, system)
            elif keep_raw:
                row["raw"] = raw
            yield row

    def _instances(self) -> Iterator[Row]:
        """Each entry of ToolAlpaca holds several rows; ChatGLM3's script makes the same ones."""
        source = self._source_for(by_name("chatglm3"))
        for at, entry in self.raws():
            instances = tool_alpaca.instances(entry, self.source.where(at))
            for number, instance in enumerate(instances, 1):
                self.account.read += 1
                try:
                    row = Row(tool_alpaca.parse(instance, entry), source=source, at=at)
                    if why := unfit(dict(row)):
                        raise Reject(why)
                except Reject as verdict:
                    spot = f"instance {number}" + (f", {verdict.spot}" if verdict.spot else "")
                    place = {**self.source.place(at), "instance": number}
                    self.account.reject(
                        Reject(verdict.reason, spot),
                        file=self.source.file,
                        place=place,
                        row=instance,
                    )
                    continue
                system = self.options.system
                yield row if system is None else with_system(row, system)

    def _source_for(self, fmt: Format) -> Source:
        found = self._sources.get(fmt.NAME)
        if found is None or found.sheet != self.source.sheet:
            found = replace(self.source, format=fmt.NAME)
            self._sources[fmt.NAME] = found
        return found


def raw_items(
    path: Paths, account: Account, on_reject: OnReject | None = None
) -> Iterator[tuple[Source, At, Any]]:
    """(source, line, object) of each item, not yet counted as read, of no particular format."""
    for file in expand(path):
        reader = Reader(file, ReadOptions(), account, on_reject)
        for at, raw in reader.raws():
            yield reader.source, at, raw


def _items(reader: Reader, stream: BinaryIO) -> Iterator[tuple[At, Any]]:
    """The items of a JSON array: each place is its line and its number."""
    number = 0

    def bad(line: int, verdict: Reject, text: str) -> None:
        nonlocal number
        number += 1
        reader.bad((line, number), verdict, text)

    for line, raw in jsonscan.read_json(stream, reader.source.file, bad, reader.aside):
        number += 1
        yield (line, number), raw


def _json_raws(reader: Reader) -> Iterator[tuple[At, Any]]:
    with open_utf8(reader.kind) as stream:
        found: Iterator[tuple[At, Any]]
        if reader.kind.container == "jsonl":
            found = jsonio.read_lines(stream, reader.bad)
        else:
            found = _items(reader, stream)
        columns = reader.options.columns
        if columns is None:
            yield from found
        else:
            yield from _all_renamed(found, columns, reader)


def _renamed(raw: Any, columns: Mapping[str, str]) -> Any:
    """An object's own keys in the place of a table's headers, beside its other fields; one without
    them stays as it is. Raises Reject when a new name is taken already."""
    if type(raw) is not dict or not any(name in raw for name in columns.values()):
        return raw
    rest = {key: value for key, value in raw.items() if key not in columns.values()}
    if taken := [key for key in columns if key in rest]:
        raise Reject(f"the columns give {taken[0]} another field, and there is one of that name")
    return {**{key: raw.get(name) for key, name in columns.items()}, **rest}


def _all_renamed(
    items: Iterator[tuple[At, Any]], columns: Mapping[str, str], reader: Reader
) -> Iterator[tuple[At, Any]]:
    for at, raw in items:
        try:
            renamed = _renamed(raw, columns)
        except Reject as verdict:
            reader.bad(at, verdict, raw)
        else:
            yield at, renamed


def _parquet_raws(reader: Reader) -> Iterator[tuple[int, Any]]:
    from data_tools.containers.parquet import read_parquet

    return read_parquet(reader.kind, reader.options.columns, reader.bad)
