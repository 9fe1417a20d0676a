"""A file that is being read: what it is, how it is read, and what becomes of its bad rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_tools.account import Account
from data_tools.containers.files import look_into
from data_tools.errors import Reject
from data_tools.formats.shortcuts import Shortcut
from data_tools.rows import At, Source

OnReject = Callable[[Reject, dict[str, Any], Any], None]


@dataclass(frozen=True)
class ReadOptions:
    """How files are read.

    format: a format's name, or "auto": by the keys of each row. Also "tool-alpaca" and
        "advertise-gen": what ChatGLM3's scripts make of these two data sets.
    sheet: name or number (from 1) of a workbook's sheet; the first visible one by default.
    columns: what a table's columns mean: {"input": "A", "output": "Answer"} (letter or header).
    header_row: the row with the headers, from 1; 0 when there is none.
    system: a system text for all rows; it replaces those in the file.
    encoding: overrides what was found, for example "gb18030".
    keep_raw: keep each row's original object as `row["raw"]`, to write it as it was (rows of
        tables and rows that get a system text are written in their own format).
    shortcut: a short way for plain rows; see `shortcuts`.
    """

    format: str = "auto"
    sheet: str | int | None = None
    columns: Mapping[str, str] | None = None
    header_row: int = 1
    system: str | None = None
    encoding: str | None = None
    keep_raw: bool = False
    shortcut: Shortcut | None = None


class Opened:
    """One file, and where its rows and faults are counted."""

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

    def reject(self, at: At, verdict: Reject, raw: Any) -> None:
        """One row is not usable; it counts as read."""
        if self.on_reject is not None:
            self.on_reject(verdict, {"file": self.source.file, **self.source.place(at)}, raw)
        place = self.source.place(at)
        self.account.reject(verdict, file=self.source.file, place=place, row=raw)

    def bad(self, at: At, verdict: Reject, text: Any) -> None:
        """What a container's reader calls for an item that is no object at all."""
        self.account.read += 1
        self.reject(at, verdict, text)

    def not_read(self, header: list[str], places: Mapping[str, int]) -> None:
        """Note the columns of a table that the caller did not name."""
        names = [name for i, name in enumerate(header) if name.strip() and i not in places.values()]
        if names:
            shown = ", ".join(repr(" ".join(name.split())) for name in names)
            self.account.note(f"{self.kind.path.name}: columns that are not read: {shown}")

    def aside(self, key: str) -> None:
        """What a reader calls for a key of the object round the rows that is not carried."""
        self.account.note(f"{self.kind.path.name}: {key!r} stands beside the rows and is not read")
