"""The shipped recipes: valid, commented, and able to rehearse offline on rows of their own."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest

from orchestrator.base.paths import shipped_recipes_dir
from orchestrator.recipe.load import Loaded, load

FILES = sorted(shipped_recipes_dir().glob("*.yaml"))
FEWEST_SAMPLE_ROWS = 20


def shipped(name: str) -> Loaded:
    return load(str(shipped_recipes_dir() / f"{name}.yaml"), environ={}, complete=False)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_header_says_what_it_needs_and_how_to_run_it(path: Path) -> None:
    head = path.read_text(encoding="utf-8").split("\n\n", 1)[0]
    assert all(line.startswith("#") for line in head.splitlines())
    assert f"recipe run {path.stem} --rehearse" in head
    assert "GPU" in head
    assert "Needs" in head


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_source_can_be_rehearsed_offline(path: Path) -> None:
    loaded = load(str(path), environ={}, complete=False)
    for source in loaded.recipe.data.sources:
        if source.self_cognition is None:
            assert source.sample is not None
            assert loaded.resolve_sample(source.sample).is_file()


def test_medqa_is_the_tutorials() -> None:
    recipe = shipped("medqa-qlora").recipe
    source = recipe.data.sources[0]
    assert (recipe.engine, recipe.model.template) == ("xtuner@0.2.0", "internlm_chat")
    assert recipe.model.id == "Shanghai_AI_Laboratory/internlm-chat-7b"
    assert source.columns is not None
    assert (source.sheet, source.columns.input, source.columns.output) == ("DrugQA", "A", "D")
    assert source.system == (
        "You are a professional, highly experienced doctor professor. You always provide accurate, "
        "comprehensive, and detailed answers based on the patients' questions."
    )
    assert (recipe.expect.rows, recipe.expect.train_rows, recipe.expect.test_rows) == (
        690,
        482,
        208,
    )
    assert int(690 * recipe.data.split.train) == 482


def test_the_exact_release_differs_in_nothing_else() -> None:
    new, old = shipped("medqa-qlora").recipe, shipped("medqa-qlora-0.1.9").recipe
    assert old.model_copy(update={"engine": new.engine, "title": new.title}) == new


def test_the_homework_takes_the_name_that_it_is_given() -> None:
    path = str(shipped_recipes_dir() / "self-cognition-qlora.yaml")
    hostile = "\"'}{name}{{ 7 * 7 }}\n%s"
    recipe = load(path, params=[f"name={hostile}"], environ={}).recipe
    made = recipe.data.sources[0].self_cognition
    assert made is not None
    assert made.name == hostile
    assert recipe.train.max_length == 512
    assert recipe.train.batch_size == 2
    assert recipe.train.epochs == 3
    assert recipe.evaluate.every == 90
    assert recipe.evaluate.prompts == ["请介绍一下你自己", "请做一下自我介绍"]


def test_medqa_sample_has_the_tutorials_layout() -> None:
    book = openpyxl.load_workbook(shipped_recipes_dir() / "data/medqa-sample.xlsx")
    assert book.sheetnames == ["DrugQA"]
    header, *rows = book["DrugQA"].iter_rows(values_only=True)
    assert header[:4] == ("Question", "Focus (Drug)", "Question Type", "Answer")
    assert len(rows) >= 40
    assert all(isinstance(cell, str) and cell.strip() for row in rows for cell in row[:4])
    assert len({row[0] for row in rows}) == len({row[3] for row in rows}) == len(rows)


def _lines(name: str) -> list[dict[str, str]]:
    text = (shipped_recipes_dir() / "data" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_oasst1_sample_has_the_layout_of_guanaco() -> None:
    rows = _lines("oasst1-sample.jsonl")
    assert len({row["text"] for row in rows}) == len(rows) >= FEWEST_SAMPLE_ROWS
    for row in rows:
        turns = row["text"].split("### ")
        assert turns[0] == ""
        starts = [turn.split(":", 1)[0] for turn in turns[1:]]
        assert starts == ["Human", "Assistant"] * (len(starts) // 2)


def test_ruozhiba_sample_has_alpaca_keys() -> None:
    rows = _lines("ruozhiba-sample.jsonl")
    assert len({row["instruction"] for row in rows}) == len(rows) >= FEWEST_SAMPLE_ROWS
    assert all(set(row) == {"instruction", "input", "output"} and row["output"] for row in rows)
