"""`recipe data look` at a table whose columns nobody has named yet."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from data_tools import DataError
from data_tools.cli import data
from data_tools.operations.table_looking import look_table


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "DrugQA"
    sheet.append(["Question", "Drug", "Answer"])
    sheet.append(["Can I take it?", None, "Ask your doctor."])
    sheet.append(["How much?", "aspirin", 5])
    path = tmp_path / "book.xlsx"
    book.save(path)
    return path


def test_columns_fill_and_samples_of_a_sheet(workbook: Path) -> None:
    found = look_table(workbook)
    assert (found.sheet, found.rows) == ("DrugQA", 2)
    assert [(c.letter, c.header, c.filled) for c in found.columns] == [
        ("A", "Question", 2),
        ("B", "Drug", 1),
        ("C", "Answer", 2),
    ]
    assert found.columns[2].sample == "Ask your doctor."


def test_a_csv_file_is_counted_alike(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('q,a\n"one\ntwo",1\n,\n', encoding="utf-8")
    found = look_table(path)
    assert found.rows == 1
    assert found.columns[0].longest == len("one\ntwo")


def test_the_command_shows_the_columns_instead_of_asking_for_them(workbook: Path) -> None:
    shown = CliRunner().invoke(data, ["look", str(workbook)])
    assert shown.exit_code == 0
    assert "Question" in shown.output
    assert "--columns input=A,output=D" in shown.output
    parsed = json.loads(CliRunner().invoke(data, ["look", "--json", str(workbook)]).output)
    assert parsed[0]["columns"][1]["filled"] == 1


def test_text_named_as_a_workbook_is_called_that_even_with_columns(tmp_path: Path) -> None:
    path = tmp_path / "notzip.xlsx"
    path.write_text("hello", encoding="utf-8")
    with pytest.raises(DataError, match="not a workbook"):
        look_table(path)
