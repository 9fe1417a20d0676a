"""InternLM-XComposer2's list of JSON files: written in thousands, linted before training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from data_support import put_json
from hypothesis import given
from hypothesis import strategies as st

from data_tools import DataError, lint_list, write_list
from data_tools.operations.xcomposer_list import lint_text, thousands
from tests.support.pictures import jpeg, png


def text_row(**changes: Any) -> dict[str, Any]:
    turns = [{"from": "user", "value": "你好"}, {"from": "assistant", "value": "hi"}]
    return {"id": "0", "conversations": turns, **changes}


def image_row(*images: str, marks: int | None = None) -> dict[str, Any]:
    count = len(images) if marks is None else marks
    turns = [
        {"from": "user", "value": "<ImageHere> " * count + "what?"},
        {"from": "assistant", "value": "a dog"},
    ]
    return {"id": "0", "image": list(images), "conversations": turns}


@given(st.integers(1, 5_000_000))
def test_a_count_is_read_back_as_the_same_number_of_rows(rows: int) -> None:
    assert int(float(thousands(rows)) * 1000) == rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "a.jpg").write_bytes(jpeg())
    (tmp_path / "img" / "cut.jpg").write_bytes(jpeg()[:-30])
    (tmp_path / "img" / "grey.png").write_bytes(png(0))
    put_json(tmp_path / "vl.json", [image_row("img/a.jpg"), image_row("img/a.jpg", "img/a.jpg")])
    put_json(tmp_path / "text.json", [text_row()] * 3)
    return tmp_path


def test_the_list_is_written_as_the_script_reads_it(folder: Path) -> None:
    out = folder / "data.txt"
    assert write_list(["vl.json#1", "text.json"], out, root=folder) == []
    assert out.read_text() == "vl.json 0.001\ntext.json 0.003\n"
    assert lint_list(out, root=folder) == []
    write_list(["text.json#0.7"], out, root=folder)
    assert out.read_text() == "text.json 0.002\n"


def test_a_count_above_the_files_rows_repeats_rows_only_when_asked(folder: Path) -> None:
    out = folder / "data.txt"
    with pytest.raises(DataError, match=r"asks for 10,000 rows and the file has 2: .* 0\.002"):
        write_list(["vl.json#10000", "text.json"], out, root=folder)
    assert not out.exists()
    assert write_list(["vl.json#10000", "text.json#2.0"], out, root=folder, repeat=True) == []
    assert out.read_text() == "vl.json 10\ntext.json 0.006\n"
    found = lint_list(out, root=folder)
    assert [str(one).split(": ")[0] for one in found] == [f"{out}:1", f"{out}:2"]
    assert lint_list(out, root=folder, repeat=True) == []


FAULTS = [
    ([image_row("img/b.jpg")], "the image img/b.jpg cannot be used: there is no such file"),
    ([image_row("img/cut.jpg")], "img/cut.jpg cannot be used: it is cut off"),
    ([image_row("img/a.jpg", "img/grey.png")], "img/grey.png cannot be used: it is not RGB"),
    ([image_row("img/a.jpg", marks=2)], "2 <ImageHere> for 1 images"),
    ([{**image_row("x"), "image": "img/a.jpg"}], "each of its letters"),
    ([{**image_row("x"), "image": []}], "not a list of paths"),
    ([image_row("img/a.jpg"), text_row()], "has no image key, unlike the first row"),
    ([text_row(), image_row("img/a.jpg")], "has images, unlike the first row"),
    ([text_row(conversations=[])], "conversations is missing or empty"),
    ([text_row(conversations=[{"from": "user"}])], "no text in from and value"),
    ([5], "not an object"),
    ([], "list of rows is empty"),
]


@pytest.mark.parametrize(("rows", "message"), FAULTS)
def test_faults_in_files_are_found_and_nothing_is_written(
    folder: Path, rows: list[Any], message: str
) -> None:
    put_json(folder / "bad.json", rows)
    out = folder / "data.txt"
    out.write_text("earlier")
    with pytest.raises(DataError, match=message):
        write_list(["text.json", "bad.json#1000"], out, root=folder, repeat=True)
    assert out.read_text() == "earlier"
    out.write_text("bad.json 1\n")
    (found,) = lint_list(out, root=folder, repeat=True)
    assert message in str(found)
    assert "bad.json" in found.where


def test_images_need_not_exist_when_not_asked(folder: Path) -> None:
    put_json(folder / "far.json", [image_row("elsewhere/x.jpg")])
    out = folder / "data.txt"
    write_list(["far.json"], out, root=folder, images=False)
    assert lint_list(out, root=folder, images=False) == []


ODD = [
    ([{"from": "assistant", "value": "a"}], "do not take turns"),
    ([{"from": "user", "value": "a"}], "last question has no answer"),
    ([{"from": "user", "value": "a"}, {"from": "system", "value": "b"}], "counts as an answer"),
    (
        [{"from": "user", "value": "<ImageHere>"}, {"from": "assistant", "value": "b"}],
        "in a row without images",
    ),
]


@pytest.mark.parametrize(("turns", "message"), ODD)
def test_odd_rows_are_warnings(folder: Path, turns: list[Any], message: str) -> None:
    put_json(folder / "odd.json", [text_row(conversations=turns)])
    (found,) = write_list(["odd.json#1"], folder / "data.txt", root=folder)
    assert message in found.what
    assert not found.fault


LINES = [
    (["a.json 10", "", "b.json 1"], "blank line"),
    (["a.json"], "no count"),
    (["a.json  10"], "3 fields"),
    (["a.json ten"], "not a number"),
    (["a.json 0"], "draws no rows"),
    (["a.json nan"], "draws no rows"),
    (["a.json 1", "a.json 2"], "stands in line 1 too"),
    ([], "list is empty"),
]


@pytest.mark.parametrize(("lines", "message"), LINES)
def test_faults_in_the_list_itself(lines: list[str], message: str) -> None:
    (found,) = lint_text(lines, "data.txt")
    assert message in found.what
    assert found.fault


def test_ten_thousand_thousands_are_a_warning() -> None:
    (found,) = lint_text(["a.json 10000"], "data.txt")
    assert "10,000,000 rows" in found.what
    assert not found.fault
    assert lint_text(["a.json", "b.json 0.5"], "data.txt", given_num=False) == []


def test_files_the_script_cannot_read(folder: Path) -> None:
    (folder / "lines.json").write_text('{"id":"0"}\n{"id":"1"}\n')
    (folder / "data.txt").write_text("lines.json 1\nmissing.json 1\n")
    found = [str(f) for f in lint_list(folder / "data.txt", root=folder)]
    assert any("not a plain JSON array" in f for f in found)
    assert any("no such file" in f for f in found)
    with pytest.raises(DataError, match="cannot hold a space"):
        write_list(["a b.json"], folder / "data.txt", root=folder)
    with pytest.raises(DataError, match="cannot be read"):
        lint_list(folder / "nothing.txt")
