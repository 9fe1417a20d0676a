"""Workbooks: the sheet, its rows, and each cell as a reader of the sheet sees it."""

from __future__ import annotations

import contextlib
import datetime
import gzip
import io
import zipfile
from collections.abc import Iterator
from typing import Any

from data_tools.account import Account
from data_tools.containers.kinds import ZIP_TROUBLE, FileKind
from data_tools.containers.sparse import SparseSheet, reaches_far
from data_tools.containers.tables import letter
from data_tools.errors import DataError, UsageFault
from data_tools.nearest import did_you_mean

Cells = list[Any]
Merged = tuple[int, int, int, int]
"""top, left, bottom and right of a merged range"""


class SheetRows:
    """The rows of one sheet. Cells are read by calamine; what it leaves blank (formulas without a
    stored value, error values) is looked up with openpyxl, only when it matters."""

    def __init__(self, kind: FileKind, sheet: str | int | None, account: Account) -> None:
        import python_calamine

        self._kind = kind
        with _trouble(str(kind.path)):
            self._book = python_calamine.load_workbook(_source(kind))
        self.name = self._choose(sheet, account)
        self._sparse: SparseSheet | None = None
        with _trouble(self.where):
            if _is_xlsx(kind) and reaches_far(_source(kind)):
                self._sheet: Any = SparseSheet(_source(kind), self.name)
                self._sparse = self._sheet
            else:
                self._sheet = self._book.get_sheet_by_name(self.name)
        start = self._sheet.start
        self._left = start[1] if start else 0
        self._special: dict[int, dict[int, str]] | None = None

    @property
    def where(self) -> str:
        return f"{self._kind.path}, sheet {self.name}"

    @property
    def width(self) -> int:
        """The number of columns, counted from column A."""
        return self._left + self._sheet.width if self._sheet.start else 0

    def _hidden(self) -> set[str]:
        from python_calamine import SheetVisibleEnum

        sheets = self._book.sheets_metadata
        return {s.name for s in sheets if s.visible != SheetVisibleEnum.Visible}

    def _choose(self, sheet: str | int | None, account: Account) -> str:
        from python_calamine import SheetTypeEnum

        every = self._book.sheets_metadata
        names = [s.name for s in every if s.typ == SheetTypeEnum.WorkSheet]
        hidden = self._hidden()
        for name in sorted(hidden):
            account.note(f"{self._kind.path.name}: sheet {name!r} is hidden")
        if not names:
            raise DataError("The workbook has no sheets", str(self._kind.path))
        if isinstance(sheet, str) and sheet in names:
            return sheet
        if sheet is None:
            chosen = next((name for name in names if name not in hidden), names[0])
            if len(names) > 1:
                others = ", ".join(repr(name) for name in names if name != chosen)
                account.note(f"{self._kind.path.name}: read sheet {chosen!r}, not {others}")
            return chosen
        number = int(sheet) if str(sheet).isdigit() else 0
        if 1 <= number <= len(names):
            return names[number - 1]
        shown = ", ".join(repr(n) + (" (hidden)" if n in hidden else "") for n in names)
        raise UsageFault(
            f"There is no sheet {sheet!r}",
            str(self._kind.path),
            f"the sheets are: {shown}",
            did_you_mean(str(sheet), names) or "name one of them, or give its number from 1",
        )

    def close(self) -> None:
        """Let go of the workbook."""
        self._book.close()
        if self._sparse is not None:
            self._sparse.close()

    def __iter__(self) -> Iterator[tuple[int, Cells]]:
        """(row number from 1, cells from column A). Merged cells all carry the value.

        Of a sparse sheet only the rows that have cells, and each only as far as these reach.
        """
        merged = self._merged()
        if self._sparse is None and not merged and not self._left:
            return enumerate(self._sheet.iter_rows(), 1)
        return self._filled(merged)

    def _filled(self, merged: dict[int, list[Merged]]) -> Iterator[tuple[int, Cells]]:
        pad = [""] * self._left
        held: dict[tuple[int, int], Any] = {}
        sparse = self._sparse
        rows = enumerate(self._sheet.iter_rows()) if sparse is None else sparse.rows()
        with _trouble(self.where):
            for index, cells in rows:
                row = [*pad, *cells] if pad else cells
                if merged and index in merged:
                    if sparse is not None:
                        reach = max(right + 1 for _, _, _, right in merged[index])
                        row = row + [""] * (reach - len(row))
                    _fill(row, index, merged[index], held)
                yield index + 1, row

    def _merged(self) -> dict[int, list[Merged]]:
        """The merged ranges that cross each row."""
        rows: dict[int, list[Merged]] = {}
        for (top, left), (bottom, right) in self._sheet.merged_cell_ranges or []:
            for index in range(top, bottom + 1):
                rows.setdefault(index, []).append((top, left, bottom, right))
        return rows

    def special(self, row: int, column: int) -> str:
        """Why a cell is blank to calamine although something stands in it, or ''."""
        return self._specials_of(row).get(column, "")

    def special_row(self, row: int) -> bool:
        """Does something stand in this row that calamine shows as blank?"""
        return bool(self._specials_of(row))

    def _specials_of(self, row: int) -> dict[int, str]:
        if self._special is None:
            self._special = self._find_special()
        return self._special.get(row, {})

    def _find_special(self) -> dict[int, dict[int, str]]:
        if not _is_xlsx(self._kind):
            return {}
        import openpyxl

        try:
            source = _source(self._kind)
            with contextlib.closing(openpyxl.load_workbook(source, read_only=True)) as book:
                sheet: Any = book[self.name]
                sheet.reset_dimensions()
                return _specials(sheet)
        except (KeyError, SyntaxError, *ZIP_TROUBLE):
            return {}  # calamine reads workbooks that are too odd for openpyxl


@contextlib.contextmanager
def _trouble(where: str) -> Iterator[None]:
    """What calamine raises, as a DataError; a panic in its Rust code is a BaseException."""
    from python_calamine import CalamineError, PasswordError

    try:
        yield
    except PasswordError as error:
        why = "it is protected by a password"
        raise DataError("The workbook cannot be read", where, why, "save it without one") from error
    except (CalamineError, KeyError, SyntaxError, *ZIP_TROUBLE) as error:
        why = str(error) or type(error).__name__
        raise DataError(
            "The workbook cannot be read", where, why, "save it again, or its rows as .csv"
        ) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise DataError("The workbook cannot be read", where, "it is damaged") from error


def _specials(sheet: Any) -> dict[int, dict[int, str]]:
    found: dict[int, dict[int, str]] = {}
    for cells in sheet.iter_rows():
        for cell in cells:
            if cell.data_type == "e":
                why = f"the cell shows the error {cell.value}"
            elif cell.data_type == "f":
                why = "a formula without a stored value: open the workbook in a spreadsheet "
                why += "program and save it"
            else:
                continue
            found.setdefault(cell.row, {})[cell.column - 1] = why
    return found


def _is_xlsx(kind: FileKind) -> bool:
    """Is it a zip file of XML, not a .xls, .xlsb or .ods workbook?"""
    with gzip.open(kind.path, "rb") if kind.gzipped else kind.path.open("rb") as file:
        if file.read(2) != b"PK":
            return False
    names = zipfile.ZipFile(_source(kind)).namelist()
    return any(name.startswith("xl/worksheets/") and name.endswith(".xml") for name in names)


def _source(kind: FileKind) -> Any:
    if not kind.gzipped:
        return str(kind.path)
    with gzip.open(kind.path, "rb") as file:
        return io.BytesIO(file.read())


def _fill(
    row: Cells, index: int, ranges: list[tuple[int, int, int, int]], held: dict[Any, Any]
) -> None:
    for top, left, _, right in ranges:
        if index == top and left < len(row):
            held[top, left] = row[left]
        for column in range(left, min(right + 1, len(row))):
            row[column] = held.get((top, left), "")


def cell_text(value: Any) -> str:
    """A cell's value as a reader of the sheet sees it: 5 not 5.0, TRUE, 2024-03-01, 12:30:00."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "TRUE" if value else "FALSE"
    if type(value) is float:
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.time):
        return value.isoformat("seconds")
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return "" if value is None else str(value)


def address(column: int, row: int) -> str:
    """(3, 5) → 'D5'."""
    return f"{letter(column)}{row}"
