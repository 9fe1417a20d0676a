"""Tables: CSV, TSV, XLSX and Parquet, with just the columns that the rows use."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import orjson

from data_tools.account import Account
from data_tools.containers.emitting import Objects, Writer, dumps, reject_row
from data_tools.containers.spool import Spool
from data_tools.errors import DataError, Reject
from data_tools.formats.common import Raw
from data_tools.formats.emitting import Emitter
from data_tools.rows import Source

FLAT_TURN = ("system", "input", "output")
MAX_CELL = 32767
MAX_ROWS = 1048576
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)|\r")


class _Table:
    """All rows, on disk, and the columns they use."""

    def __init__(self, objects: Objects, spool: Spool, emitter: Emitter, account: Account) -> None:
        self.spool = spool
        self.places: list[tuple[Source, int]] = []
        used: dict[str, None] = {}
        self.one_turn = True
        systems = False
        for row, raw in objects:
            try:
                spool.add(dumps(raw))
            except Reject as verdict:
                reject_row(account, verdict, row)
                continue
            used.update(dict.fromkeys(raw))
            if self.one_turn:
                turns: Any = raw.get("conversation") if len(raw) == 1 else None
                self.one_turn = bool(turns) and len(turns) == 1 and not set(turns[0]) - {*FLAT_TURN}
                systems = systems or (self.one_turn and "system" in turns[0])
        known = emitter.format.COLUMNS if emitter.format else ()
        self.columns = [name for name in known if name in used]
        self.columns += [name for name in used if name not in known]
        self.one_turn = self.one_turn and len(spool) > 0
        if self.one_turn:
            self.columns = list(FLAT_TURN if systems else FLAT_TURN[1:])

    def records(self) -> Iterator[Raw]:
        for text in self.spool:
            raw = orjson.loads(text)
            yield raw["conversation"][0] if self.one_turn else raw

    def cells(self) -> Iterator[list[str]]:
        """Each row as texts; lists and objects become JSON text."""
        for raw in self.records():
            yield [_cell(raw.get(name)) for name in self.columns]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else dumps(value).decode("utf-8")


def writer_for(container: str) -> Writer:
    """The writer of one table container."""
    fill = {"csv": _csv, "tsv": _tsv, "xlsx": _xlsx, "parquet": _parquet}[container]

    def write(
        objects: Objects, file: BinaryIO, emitter: Emitter, account: Account, indent: int | None
    ) -> int:
        with Spool() as spool:
            table = _Table(objects, spool, emitter, account)
            before = account.written
            fill(file, table, account)
            return account.written - before

    return write


def _csv(file: BinaryIO, table: _Table, account: Account, delimiter: str = ",") -> None:
    """As RFC 4180 has it, but for the line end: fields are quoted when they need to be."""
    needs = re.compile(rf'[{delimiter}"\r\n]|^$|^\s|\s$')

    def field(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if needs.search(text) else text

    file.write((delimiter.join(map(field, table.columns)) + "\n").encode("utf-8"))
    for cells in table.cells():
        file.write((delimiter.join(map(field, cells)) + "\n").encode("utf-8"))
        account.written += 1


def _tsv(file: BinaryIO, table: _Table, account: Account) -> None:
    _csv(file, table, account, "\t")


def _xlsx(file: BinaryIO, table: _Table, account: Account) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    if len(table.spool) >= MAX_ROWS:
        why = (
            f"a sheet holds {MAX_ROWS - 1:,} rows under its header, there are {len(table.spool):,}"
        )
        raise DataError("Too many rows for a workbook", why=why, fix="write .csv or .jsonl")
    book = Workbook(write_only=True)
    sheet = book.create_sheet("data")

    def cell(value: str) -> Any:
        made = WriteOnlyCell(sheet, _ESCAPED.sub(_escape, value))
        made.data_type = "s"  # text stays text: no formula from '=…', no error from '#N/A'
        return made

    with _closing(sheet):
        sheet.append([cell(name) for name in table.columns])
        for cells in table.cells():
            verdict = _fits(cells, table.columns)
            if verdict is not None:
                account.reject(verdict, row=dict(zip(table.columns, cells, strict=True)))
                continue
            sheet.append([cell(value) for value in cells])
            account.written += 1
        with tempfile.TemporaryFile() as whole:  # openpyxl wants to seek, a gzip stream cannot
            book.save(whole)
            whole.seek(0)
            shutil.copyfileobj(whole, file)


@contextlib.contextmanager
def _closing(sheet: Any) -> Iterator[None]:
    """Close openpyxl's writers when the block fails: left to themselves they write to a full disk
    once more, and complain about it with a traceback."""
    try:
        yield
    except BaseException:
        for close in (sheet.close, lambda: sheet._writer.xf.close()):
            with contextlib.suppress(OSError, ValueError, SyntaxError, AttributeError):
                close()
        raise


def _escape(match: re.Match[str]) -> str:
    return "_x000D_" if match.group() == "\r" else "_x005F_"


def _fits(cells: Iterable[str], columns: list[str]) -> Reject | None:
    for name, value in zip(columns, cells, strict=True):
        if len(value) > MAX_CELL:
            return Reject(f"longer than a cell can be ({MAX_CELL:,} characters)", f"column {name}")
        if _ILLEGAL.search(value):
            return Reject("a character that a workbook cannot hold", f"column {name}")
    return None


def _parquet(file: BinaryIO, table: _Table, account: Account) -> None:
    from data_tools.containers.parquet import write_parquet

    account.written += write_parquet(file, table.records, table.columns)
