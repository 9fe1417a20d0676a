"""Sheets that reach far beyond their cells cost what their cells cost."""

from __future__ import annotations

import datetime
import re
import resource
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from data_tools import Account, read
from data_tools.containers import sparse

ROWS = [("q1", "a1"), ("q2", "a2")]
FAR = ["XFD1048576", "AZ1048576", "B1048576", "XFD3", "ZZ900000", "XFD1"]


def book(path: Path, **cells: Any) -> Path:
    made = openpyxl.Workbook()
    sheet: Any = made.active
    for row in [("input", "output"), *ROWS]:
        sheet.append(row)
    for address, value in cells.items():
        sheet[address] = value
    made.save(path)
    return path


def rewritten(path: Path, change: Any) -> Path:
    """The workbook with the text of its sheet changed."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    name = "xl/worksheets/sheet1.xml"
    parts[name] = change(parts[name].decode()).encode()
    with zipfile.ZipFile(path, "w") as new:
        for part, content in parts.items():
            new.writestr(part, content)
    return path


@pytest.mark.parametrize(
    ("stray", "dimension"), [*((cell, "true") for cell in FAR), (FAR[0], "none"), (FAR[0], "A1")]
)
def test_a_stray_cell_costs_next_to_nothing(tmp_path: Path, stray: str, dimension: str) -> None:
    """In a process that may use 1 GiB of memory and 20 s of CPU."""
    path = book(tmp_path / "a.xlsx", **{stray: "stray"})
    if dimension != "true":
        tag = "" if dimension == "none" else '<dimension ref="A1"/>'
        rewritten(path, lambda text: re.sub("<dimension[^>]*>", tag, text))
    code = (
        "import sys; from data_tools import Account, read; account = Account(); "
        "print([r.turns[0] for r in read(sys.argv[1], account=account)], account.rejected)"
    )

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, preexec_fn=limits
    )
    assert done.returncode == 0, done.stderr[-500:]
    rejected = 0 if stray in ("XFD3", "XFD1") else 1
    assert done.stdout == f"{ROWS} {rejected}\n"


def test_a_sparse_sheet_is_read_like_any_other(tmp_path: Path) -> None:
    """The same cells with and without a stray one: the same rows, the same verdicts."""
    cells = {
        "A4": datetime.datetime(2024, 3, 1), "B4": 5.0,
        "A5": True, "B5": datetime.datetime(2024, 3, 1, 12, 30),
        "A6": "formula", "B6": "=1+1",
        "A7": "error", "B7": "#N/A",
        "A9": "  ", "B9": "no question",
        "A10": "merged",
    }  # fmt: skip

    def verdicts(path: Path, stray: bool) -> tuple[Any, Any]:
        book(path, **cells, **({"AZ1000000": "stray"} if stray else {}))
        made = openpyxl.load_workbook(path)
        made.active.merge_cells("B10:B11")  # type: ignore[union-attr]
        made.active["B10"] = "both"  # type: ignore[index]
        made.active["A11"] = "merged too"  # type: ignore[index]
        made.save(path)
        account = Account()
        rows = [row.turns[0] for row in read(path, account=account)]
        account.rejects.pop("the row is empty", None)  # row 8 does not exist in a sparse sheet
        return rows, account.rejects

    rows, rejects = verdicts(tmp_path / "a.xlsx", stray=False)
    far_rows, far_rejects = verdicts(tmp_path / "b.xlsx", stray=True)
    assert far_rows == rows
    assert ("merged too", "both") in rows
    rejects["input is empty"] += 1  # the stray cell's own row
    assert far_rejects == rejects


@pytest.mark.parametrize(("rows", "columns", "far"), [
    (5000, 3, False), (300, 60, False), (3, 700, False),
])  # fmt: skip
def test_full_sheets_are_not_taken_for_sparse(
    tmp_path: Path, rows: int, columns: int, far: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse, "SLACK", 0)
    made = openpyxl.Workbook(write_only=True)
    sheet = made.create_sheet()
    for row in range(rows):
        sheet.append([f"{row} {column}" for column in range(columns)])
    made.save(tmp_path / "a.xlsx")
    for chunk in (1 << 20, 4096, 700):
        monkeypatch.setattr(sparse, "CHUNK", chunk)
        assert sparse.reaches_far(tmp_path / "a.xlsx") is far


def test_the_rectangle_is_found_wherever_chunks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = book(tmp_path / "a.xlsx", AB300000="stray")
    for chunk in (1 << 20, 4096, 600, 300):
        monkeypatch.setattr(sparse, "CHUNK", chunk)
        assert sparse.reaches_far(path)


def test_a_large_sheet_is_believed_when_it_says_how_large_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = book(tmp_path / "a.xlsx", AZ1048576="stray")
    looked: list[int] = []
    monkeypatch.setattr(sparse, "SMALL", 10)
    monkeypatch.setattr(sparse, "_looked_through", lambda *_: looked.append(1))
    assert sparse.reaches_far(path)
    assert looked == []
