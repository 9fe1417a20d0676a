"""`look` at a table whose columns are not named yet: its columns, how full they are, a sample.

A reader looks before naming columns, so this must not ask for `--columns` first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_tools.account import Account
from data_tools.containers.files import look_into, open_utf8
from data_tools.containers.kinds import FileKind
from data_tools.containers.sheets import SheetRows, cell_text
from data_tools.containers.tables import letter, read_csv


@dataclass
class Column:
    """One column: its letter, header, filled cells below the header, longest text, first value."""

    letter: str
    header: str
    filled: int = 0
    longest: int = 0
    sample: str = ""

    def add(self, text: str) -> None:
        if text.strip():
            self.filled += 1
            self.longest = max(self.longest, len(text))
            self.sample = self.sample or text


@dataclass
class TableLook:
    """A sheet or a table in text; `rows` counts those below the header that are not blank."""

    file: str
    sheet: str | None
    rows: int = 0
    columns: list[Column] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        columns = [vars(column) for column in self.columns]
        return {"file": self.file, "sheet": self.sheet, "rows": self.rows, "columns": columns}

    def lines(self) -> Iterator[str]:
        """A small table in plain text."""
        place = f"{self.file}, sheet {self.sheet}" if self.sheet else self.file
        yield f"{place}: {self.rows:,} rows below the header"
        yield from (f"note: {note}" for note in self.notes)
        for one in self.columns:
            sample = " ".join(one.sample.split())[:60]
            about = f"{one.filled:,} filled, longest {one.longest:,}"
            yield f"  {one.letter:<3} {one.header[:24]:<24} {about:<32} {sample}"
        yield "say which column is what, for example --columns input=A,output=D"


def look_table(
    path: Path, *, sheet: str | int | None = None, header_row: int = 1, encoding: str | None = None
) -> TableLook:
    """What columns a workbook's sheet, a CSV or a TSV file has. Raises DataError."""
    kind = look_into(path, encoding, table=True)
    if kind.container == "sheet":
        account = Account()
        with closing(SheetRows(kind, sheet, account)) as book:
            found = TableLook(str(path), book.name, notes=list(account.notes))
            _count(found, ([cell_text(c) for c in cells] for _, cells in book), header_row)
        return found
    found = TableLook(str(path), None)
    _count(found, _text_rows(kind), header_row)
    return found


def _text_rows(kind: FileKind) -> Iterator[list[str]]:
    delimiter = "\t" if kind.container == "tsv" else ","
    with open_utf8(kind) as stream:
        for _, fields in read_csv(stream, delimiter, str(kind.path), lambda *_: None):
            yield fields


def _count(found: TableLook, rows: Iterable[list[str]], header_row: int) -> None:
    for number, cells in enumerate(rows, 1):
        while len(found.columns) < len(cells):
            found.columns.append(Column(letter(len(found.columns)), ""))
        if number == header_row:
            for column, text in zip(found.columns, cells, strict=False):
                column.header = " ".join(text.split())
        elif number > header_row and any(text.strip() for text in cells):
            found.rows += 1
            for column, text in zip(found.columns, cells, strict=False):
                column.add(text)
