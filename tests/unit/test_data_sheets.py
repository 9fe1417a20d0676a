"""Workbooks: the right sheet and columns, and cells as a reader of the sheet sees them."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from data_tools import Account, DataError, convert, read
from data_tools.containers.sheets import cell_text
from data_tools.containers.tables import index_of, letter

COLUMNS = {"input": "A", "output": "D"}
HEADER = ["Question", "Focus", "Type", "Answer"]


def book(path: Path, rows: list[list[Any]], sheet: str = "DrugQA", **others: str) -> Path:
    """A workbook with a header and rows; `others`: more sheets and their state."""
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    page.title = sheet
    for cells in [HEADER, *rows]:
        page.append(cells)
    for name, state in others.items():
        extra = made.create_sheet(name)
        extra.append(["input", "output"])
        extra.append([f"from {name}", "x"])
        extra.sheet_state = state
    made.save(path)
    return path


def pairs(path: Path, **options: Any) -> list[tuple[str, str]]:
    return [row.turns[0] for row in read(path, **{"columns": COLUMNS, **options})]


def test_the_tutorials_layout_by_letter_and_by_header(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["q1", "f", "t", "a1"], ["q2", "f", "t", "a2"]])
    expected = [("q1", "a1"), ("q2", "a2")]
    assert pairs(path) == expected
    assert pairs(path, columns={"input": "Question", "output": "Answer"}) == expected
    assert pairs(path, sheet="DrugQA") == pairs(path, sheet=1) == pairs(path, sheet="1") == expected
    rows = list(read(path, columns={**COLUMNS, "system": "C"}))
    assert [row.system for row in rows] == ["t", "t"]
    assert [row.where for row in rows] == [f"{path}, sheet DrugQA, row {n}" for n in (2, 3)]


def test_the_tutorials_script_and_convert_give_the_same_rows(tmp_path: Path) -> None:
    """Each row below the header: a fixed system text, column A and column D."""
    path = book(tmp_path / "a.xlsx", [[f"q {i}\n?", "f", "t", f"“a” {i}"] for i in range(9)])
    convert(path, tmp_path / "out.json", columns=COLUMNS, system="be a doctor", sheet="DrugQA")
    import json

    expected = [
        {"conversation": [{"system": "be a doctor", "input": f"q {i}\n?", "output": f"“a” {i}"}]}
        for i in range(9)
    ]
    assert json.dumps(json.loads((tmp_path / "out.json").read_text())) == json.dumps(expected)


CELLS = [
    (5, "5"),
    (5.0, "5"),
    (5.25, "5.25"),
    (-0.1, "-0.1"),
    (1234567890123, "1234567890123"),
    (True, "TRUE"),
    (False, "FALSE"),
    (dt.date(2024, 3, 1), "2024-03-01"),
    (dt.datetime(2024, 3, 1, 12, 30), "2024-03-01 12:30:00"),
    (dt.time(8, 5), "08:05:00"),
    (dt.timedelta(hours=30, minutes=5), "30:05:00"),
    ("  spaced  ", "  spaced  "),
    ("two\nlines", "two\nlines"),
    ("005", "005"),
]


@pytest.mark.parametrize(("value", "shown"), CELLS)
def test_cells_are_text_as_a_reader_sees_them(tmp_path: Path, value: Any, shown: str) -> None:
    path = book(tmp_path / "a.xlsx", [["q", None, None, value]])
    assert pairs(path) == [("q", shown)]


def test_large_and_tiny_numbers_do_not_gain_digits() -> None:
    assert cell_text(1e21) == "1e+21"
    assert cell_text(999999999999999.0) == "999999999999999"
    assert cell_text(1e-7) == "1e-07"
    assert cell_text(1234567890123456.0) == "1234567890123456"
    assert cell_text(-(2.0**53 - 1)) == "-9007199254740991"


@pytest.mark.parametrize("empty", [None, "", "   "])
def test_an_empty_needed_cell_rejects_the_row_with_its_address(tmp_path: Path, empty: Any) -> None:
    path = book(tmp_path / "a.xlsx", [["q", 0, 0, "a"], ["q", 0, 0, empty], [empty, 0, 0, "a"]])
    account = Account()
    assert pairs(path, account=account) == [("q", "a")]
    assert (account.read, account.rejected) == (3, 2)
    assert account.rejects == {"output is empty": 1, "input is empty": 1}
    assert "D3: output is empty" in account.examples[0]
    assert "A4: input is empty" in account.examples[1]


def test_formulas_and_errors_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    page.title = "DrugQA"
    for cells in [HEADER, ["q", 0, 0, "=1+1"], ["q", 0, 0, "a"], ["q", 0, 0, None]]:
        page.append(cells)
    page["D4"].value = "#N/A"
    page["D4"].data_type = "e"
    page.append(["=A2", None, None, "#REF!"])
    page["D5"].data_type = "e"
    made.save(path)
    account = Account()
    assert pairs(path, account=account) == [("q", "a")]
    assert account.read == 4
    reasons = list(account.rejects)
    assert any("formula without a stored value" in reason for reason in reasons)
    assert "the cell shows the error #N/A" in reasons
    assert account.rejects["the row shows nothing but errors or formulas without a stored value"]


def test_a_formula_with_a_stored_value_counts_as_its_value(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["q", 0, 0, "=1+1"]])
    whole = tmp_path / "b.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(whole, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name.endswith("sheet1.xml"):
                assert b"<v></v>" in text or b"<v />" in text or b"<v/>" in text
                for blank in (b"<v></v>", b"<v />", b"<v/>"):
                    text = text.replace(blank, b"<v>2</v>")
            new.writestr(name, text)
    assert pairs(whole) == [("q", "2")]


def test_merged_cells_all_carry_the_value(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    for cells in [["input", "output"], ["q1", "a1"], [None, "a2"], ["q2", "a3"], ["both", None]]:
        page.append(cells)
    page.merge_cells("A2:A3")
    page.merge_cells("A5:B5")
    made.save(path)
    expected = [("q1", "a1"), ("q1", "a2"), ("q2", "a3"), ("both", "both")]
    assert pairs(path, columns=None) == expected


def test_blank_rows_at_the_end_are_no_rows_and_in_the_middle_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    for cells in [["input", "output"], ["q1", "a1"], [None, None], ["q2", "a2"], ["", " "], [" "]]:
        page.append(cells)
    made.save(path)
    account = Account()
    assert pairs(path, columns=None, account=account) == [("q1", "a1"), ("q2", "a2")]
    assert account.read == 3
    assert account.rejects == {"the row is empty": 1}
    assert "row 3" in str(account.examples)


def test_a_table_that_does_not_begin_at_a1(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    page["C1"] = "A title over the table"
    for column, text in zip("CD", ["input", "output"], strict=True):
        page[f"{column}4"] = text
    page["C5"], page["D5"], page["D6"] = "q", "a", "lonely"
    made.save(path)
    account = Account()
    assert pairs(path, columns=None, header_row=4, account=account) == [("q", "a")]
    assert "row 6: C6: input is empty" in account.examples[0]
    by_letter = {"input": "C", "output": "D"}
    assert pairs(path, columns=by_letter, header_row=4, account=Account()) == [("q", "a")]
    assert next(read(path, columns=by_letter, header_row=4, account=Account())).at == 5


def test_without_a_header_row(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    page.append(["q", "a"])
    made.save(path)
    assert pairs(path, columns={"input": "A", "output": "B"}, header_row=0) == [("q", "a")]


def test_a_missing_sheet_names_those_there_are(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["q", 0, 0, "a"]], Other="visible", Secret="hidden")
    with pytest.raises(DataError, match=r"'DrugQA', 'Other', 'Secret' [(]hidden[)]") as caught:
        pairs(path, sheet="DrugQa")
    assert "did you mean DrugQA" in caught.value.fix
    with pytest.raises(DataError, match="no sheet '7'"):
        pairs(path, sheet="7")
    assert pairs(path, sheet="Secret", columns=None) == [("from Secret", "x")]


def test_hidden_and_other_sheets_are_noted_and_a_visible_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    page.title = "old"
    page.sheet_state = "hidden"
    seen = made.create_sheet("new")
    for cells in [["input", "output"], ["q", "a"]]:
        seen.append(cells)
    made.save(path)
    account = Account()
    assert pairs(path, columns=None, account=account) == [("q", "a")]
    assert set(account.notes) == {
        "a.xlsx: sheet 'old' is hidden",
        "a.xlsx: read sheet 'new', not 'old'",
    }


def test_a_missing_column_names_those_there_are(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["q", 0, 0, "a"]])
    with pytest.raises(DataError, match="A 'Question', B 'Focus'") as caught:
        pairs(path, columns={"input": "Qestion", "output": "D"})
    assert "did you mean Question" in caught.value.fix
    with pytest.raises(DataError, match="no column 'Z'"):
        pairs(path, columns={"input": "Z", "output": "D"})
    with pytest.raises(DataError, match="no names that are known"):
        pairs(path, columns=None)


def test_a_letter_that_is_also_another_columns_header_is_ambiguous(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("B,A,output\n1,2,3\n")
    with pytest.raises(DataError, match="both a column's letter and the header"):
        pairs(path, columns={"input": "A", "output": "output"})
    path.write_text("x,x,output\n1,2,3\n")
    with pytest.raises(DataError, match="Several columns"):
        pairs(path, columns={"input": "x", "output": "output"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,question\n1,2\n", "plain text"),
        (b"%PDF-1.4", "a PDF document"),
        (b"PK\x03\x04 cut off", "workbook is damaged"),
        (b"", "is empty"),
    ],
)
def test_what_is_no_workbook_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read(path))


def test_another_zip_archive_is_no_workbook(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    with pytest.raises(DataError, match=r"word/document\.xml"):
        list(read(path))


def test_a_workbook_cut_in_the_middle_leaves_the_earlier_output(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["q", 0, 0, "a"]] * 50)
    path.write_bytes(path.read_bytes()[:-400])
    out = tmp_path / "out.jsonl"
    out.write_text("earlier")
    with pytest.raises(DataError, match=r"damaged|cannot be read"):
        convert(path, out, columns=COLUMNS)
    assert out.read_text() == "earlier"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.xlsx", "out.jsonl"]


def test_several_workbooks_are_read_one_after_the_other(tmp_path: Path) -> None:
    book(tmp_path / "1.xlsx", [["q1", 0, 0, "a1"]])
    book(tmp_path / "2.xlsx", [["q2", 0, 0, "a2"]])
    rows = list(read([tmp_path / "2.xlsx", tmp_path / "1.xlsx"], columns=COLUMNS))
    assert [row.turns[0] for row in rows] == [("q2", "a2"), ("q1", "a1")]
    assert [row["messages"] for row in read(tmp_path, columns=COLUMNS)] == [
        row["messages"] for row in reversed(rows)
    ]


def test_letters_and_numbers_of_columns() -> None:
    assert [letter(i) for i in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
    assert all(index_of(letter(i)) == i for i in range(1000))
