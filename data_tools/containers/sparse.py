"""Sheets that reach far beyond their cells: one stray cell at XFD1048576, and 17 billion are meant.

calamine makes a value for every cell of the rectangle. So a sheet's XML is looked through first (in
a sixth of the time that reading it takes), and one whose rectangle is mostly empty is read cell by
cell with openpyxl.
"""

from __future__ import annotations

import datetime
import re
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from data_tools.containers.tables import index_of

Range = tuple[tuple[int, int], tuple[int, int]]
"""((top, left), (bottom, right)), from 0"""

CHUNK = 1 << 17  # stays in the processor's cache
SMALL = 8 << 20  # bytes of XML that are looked through whatever the sheet says of its size
SLACK = 100_000  # empty rows of 26 cells that cost nothing worth mentioning
LETTERS = 26
WIDEST = 16384
_SHEETS = re.compile(r"xl/worksheets/[^/]+\.xml")
_DIMENSION = re.compile(rb'<(?:\w+:)?dimension ref="(?:[A-Z]+\d+:)?([A-Z]+)(\d+)"')
_BEYOND_Z = re.compile(rb'="[A-Z][A-Z]+\d')
_CELL = re.compile(rb'<(?:\w+:)?c [^>]*?\br="([A-Z]+)\d')
_ROW = re.compile(rb'<(?:\w+:)?row [^>]*?\br="(\d+)"')
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')


def reaches_far(book: Any) -> bool:
    """Is a sheet of this .xlsx workbook (a path or an open file) mostly empty?"""
    with zipfile.ZipFile(book) as parts:
        return any(
            _is_sparse(parts, part) for part in parts.infolist() if _SHEETS.fullmatch(part.filename)
        )


def _is_sparse(parts: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    size = part.file_size
    with parts.open(part) as sheet:
        head = sheet.read(CHUNK)
        said = _DIMENSION.search(head[:4096])
        if said and size > SMALL:
            rows, width = int(said[2]), index_of(said[1].decode()) + 1
            if rows * width * 4096 > size:  # else it is not true: some writers always say A1
                return _is_mostly_empty(rows, width, size)
        return _is_mostly_empty(*_looked_through(head, sheet), size)


def _is_mostly_empty(rows: int, width: int, size: int) -> bool:
    """Are so many cells too many for XML of this size? A cell takes some 25 bytes, a row 40."""
    if width <= LETTERS:
        return rows > SLACK + size // 16
    return rows * width > LETTERS * SLACK + size // 2


def _looked_through(text: bytes, sheet: IO[bytes]) -> tuple[int, int]:
    """(the last row, the number of columns, or 26 for fewer)"""
    last, width = 0, LETTERS
    while text:
        for found in _ROW.finditer(text, max(0, text.rfind(b"row ") - 64)):
            last = max(last, int(found[1]))
        if _BEYOND_Z.search(text):
            letters = {found[1] for found in _CELL.finditer(text)}
            width = max(width, *(index_of(name.decode()) + 1 for name in letters), 0)
        chunk = sheet.read(CHUNK)
        text = text[-256:] + chunk if chunk else b""
    return last, width


class SparseSheet:
    """A sheet of an .xlsx workbook, cell by cell; what it says of itself is what calamine would."""

    start = (0, 0)

    def __init__(self, source: Any, name: str) -> None:
        import openpyxl

        self._book = openpyxl.load_workbook(source, read_only=True, data_only=True)
        self._sheet: Any = self._book[name]
        self.width: int = min(self._sheet.max_column or WIDEST, WIDEST)
        self._sheet.reset_dimensions()  # or each row would be as wide as the widest

    def rows(self) -> Iterator[tuple[int, list[Any]]]:
        """(index from 0, cells from column A to the last that exists) of each row with cells."""
        for index, cells in enumerate(self._sheet.iter_rows()):
            if cells:
                yield index, [_value(cell) for cell in cells]

    @property
    def merged_cell_ranges(self) -> list[Range]:
        """The merged ranges."""
        found: list[Range] = []
        with self._sheet._get_source() as xml:
            text = b""
            while chunk := xml.read(CHUNK):
                text = text[-64:] + chunk
                for left, top, right, bottom in _MERGED.findall(text):
                    start = (int(top) - 1, index_of(left.decode()))
                    found.append((start, (int(bottom) - 1, index_of(right.decode()))))
        return sorted(set(found))

    def close(self) -> None:
        """Let go of the workbook."""
        self._book.close()


def _value(cell: Any) -> Any:
    """The value as calamine gives it: nothing for errors, a date where there is no time of day."""
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date()
    return value
