"""The planners are pure, and the data stage's task gives the rows, the split and the account."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from orchestrator.base.errors import RecipeError
from orchestrator.base.plan import Plan
from orchestrator.engines.job import Job
from orchestrator.planning import stages
from orchestrator.planning.job import build
from orchestrator.planning.job import stages as stages_of
from orchestrator.recipe.load import load

NAMES = ("medqa-qlora", "medqa-qlora-0.1.9", "oasst1-qlora", "self-cognition-qlora")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def job(name: str, *sets: str, rehearse: bool = True) -> Job:
    return build(load(name, sets=sets, environ={}, complete=False), rehearse=rehearse)


@pytest.mark.parametrize("rehearse", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_planning_touches_no_disk(name: str, rehearse: bool, tmp_path: Path) -> None:
    one = job(name, rehearse=rehearse)
    root = tmp_path / "run"
    first = [stages.plan(stage, one, root) for stage in stages_of(one)]
    assert [plan.stage for plan in first] == list(stages_of(one))
    assert [stages.plan(stage, one, root) for stage in stages_of(one)] == first
    assert not root.exists()


def plan_of(stage: str, *sets: str, resume_from: str | None = None) -> Plan:
    planned = replace(job("medqa-qlora", *sets), resume_from=resume_from)
    return stages.plan(stage, planned, Path("run"))


def test_what_follows_from_what() -> None:
    """A stage names as inputs what an earlier one makes: that is how a change travels."""
    made: set[str] = set()
    for stage in stages_of(job("medqa-qlora")):
        plan = plan_of(stage)
        for name in plan.inputs:
            top = name.removeprefix("./").partition("/")[0]
            assert Path(name).is_absolute() or top in made, (stage, name)
        made |= {name.removeprefix("./").partition("/")[0] for name in plan.outputs}
        made |= {file.path.partition("/")[0] for file in plan.files}


def test_training_goes_on_with_the_engines_own_switch() -> None:
    plain, resumed = plan_of("train"), plan_of("train", resume_from="work/iter_4.pth")
    assert resumed.commands[0].argv == (*plain.commands[0].argv, "--resume", "work/iter_4.pth")
    assert resumed.artifacts == plain.artifacts


def workbook(path: Path, rows: list[tuple[object, object]], sheet: str = "DrugQA") -> Path:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    page.append(["Question", "Focus", "Type", "Answer"])
    for question, answer in rows:
        page.append([question, "f", "t", answer])
    book.save(path)
    return path


def convert(root: Path, *sets: str) -> dict[str, object]:
    task = stages.plan("data", job("medqa-qlora", *sets), root).task
    assert task is not None
    return dict(task.run(root, lambda _done, _total, _what: None))


def rows_in(path: Path) -> list[dict[str, list[dict[str, str]]]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_workbook_becomes_conversations(tmp_path: Path) -> None:
    book = workbook(tmp_path / "mine.xlsx", [(f"q{n}", f"a {{n}} {n}") for n in range(30)])
    root = tmp_path / "run"
    facts = convert(root, f"data.sources.0.path={book}", "expect=null")
    assert (facts["rows"], facts["train_rows"], facts["test_rows"]) == (30, 21, 9)
    train, test = rows_in(root / "data/train.jsonl"), rows_in(root / "data/test.jsonl")
    questions = {row["conversation"][0]["input"] for row in [*train, *test]}
    assert questions == {f"q{n}" for n in range(30)}
    assert train[0]["conversation"][0]["system"].startswith("You are a professional, highly")
    assert len(rows_in(root / "data/rehearsal.jsonl")) == 16
    account = json.loads((root / "data/account.json").read_text(encoding="utf-8"))
    assert account["rejected"] == 0


def test_rows_that_the_recipe_does_not_expect(tmp_path: Path) -> None:
    workbook(tmp_path / "mine.xlsx", [("q", "a")] * 10)
    sets = ("data.sources.0.path=mine.xlsx", "data.sources.0.sha256=null", "expect.rows=11")
    with pytest.raises(RecipeError, match="does not give the rows") as caught:
        convert(tmp_path / "run", *sets)
    assert "rows: 10 instead of 11" in str(caught.value)


def test_another_workbook_under_the_same_name_is_not_held_to_the_tutorials_figures(
    tmp_path: Path,
) -> None:
    workbook(tmp_path / "MedQA2019.xlsx", [("q", "a")] * 10)
    assert convert(tmp_path / "run")["rows"] == 10
    assert "SHA-256 differs" in str(job("medqa-qlora").unchecked)


BAD_BOOKS = {
    "no such sheet": ("Other", [("q", "a")], ["DrugQA", "Other"]),
    "an empty cell": ("DrugQA", [("q", "a"), ("q2", None)], ["D3: output is empty"]),
}


@pytest.mark.parametrize("name", BAD_BOOKS)
def test_a_bad_workbook_is_told_with_its_place(name: str, tmp_path: Path) -> None:
    sheet, rows, wanted = BAD_BOOKS[name]
    book = workbook(tmp_path / "mine.xlsx", list(rows), sheet)
    with pytest.raises(RecipeError) as caught:
        convert(tmp_path / "run", f"data.sources.0.path={book}", "expect=null")
    text = str(caught.value)
    assert caught.value.exit_code in (1, 2)
    assert "next step" in text
    for words in wanted:
        assert words.lower() in text.lower(), text


def test_a_workbook_that_is_no_zip(tmp_path: Path) -> None:
    book = tmp_path / "mine.xlsx"
    book.write_bytes(b"this is not a workbook")
    with pytest.raises(RecipeError) as caught:
        convert(tmp_path / "run", f"data.sources.0.path={book}", "expect=null")
    assert "mine.xlsx" in str(caught.value)


def test_the_tutorials_rows(shared_data: Path, tmp_path: Path) -> None:
    book = shared_data / "MedQA2019.xlsx"
    facts = convert(tmp_path / "run", f"data.sources.0.path={book}")
    assert (facts["rows"], facts["train_rows"], facts["test_rows"]) == (690, 482, 208)
