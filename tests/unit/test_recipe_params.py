"""Parameters that a run cannot do without: one fault and a word to paste; no other verb stops."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import UsageError
from orchestrator.cli import cli
from orchestrator.planning.feasible import load
from orchestrator.recipe.dump import dump
from orchestrator.recipe.faults import RecipeFaults
from orchestrator.recipe.listing import listing

HOMEWORK = ["self-cognition-qlora", "self-cognition-llamafactory"]
KEY = "data.sources.0.self_cognition.name"
TEXT = """\
title: t
engine: xtuner@0.2.0
model: {id: some/model, template: internlm_chat}
data: {sources: [{path: rows.xlsx}]}
"""


def told(name: str, **more: object) -> RecipeFaults:
    with pytest.raises(RecipeFaults) as caught:
        load(name, environ={}, **more)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("name", HOMEWORK)
def test_the_homework_without_a_name_is_one_fault_with_the_word_to_add(name: str) -> None:
    error = told(name)
    (fault,) = error.faults
    assert fault.key == "params.name"
    assert fault.at.line is not None
    assert error.retry == ("-p", "name=张三")


@pytest.mark.parametrize("verb", ["run", "plan"])
@pytest.mark.parametrize("mode", [[], ["--rehearse"]])
def test_run_and_plan_stop_before_anything_is_made(
    verb: str, mode: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        cli.main([verb, HOMEWORK[0], *mode], standalone_mode=False)
    words = shlex.split(str(caught.value.fix).partition(": ")[2])
    assert words[-len([HOMEWORK[0], *mode, "-p", ""]) :] == [
        *(HOMEWORK[0], *mode),
        *("-p", "name=张三"),
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "more",
    [
        {"params": ["name=Ann"]},
        {"sets": [f"{KEY}=Ann"]},
        {"environ": {"RECIPE_SET_DATA__SOURCES__0__SELF_COGNITION__NAME": "Ann"}},
    ],
)
def test_every_way_to_give_it_counts(more: dict[str, object]) -> None:
    got = load(HOMEWORK[0], **{"environ": {}, **more})  # type: ignore[arg-type]
    assert got.values()[KEY] == "Ann"
    assert got.missing == ()


def test_a_child_may_say_it_once_and_for_all(tmp_path: Path) -> None:
    child = tmp_path / "mine.yaml"
    source = "{sources: [{self_cognition: {name: Ann}}]}"
    child.write_text(f"extends: {HOMEWORK[0]}\ndata: {source}\n", encoding="utf-8")
    assert load(str(child), environ={}).missing == ()


def test_a_child_with_other_rows_needs_no_name(tmp_path: Path) -> None:
    child = tmp_path / "mine.yaml"
    text = f"extends: {HOMEWORK[0]}\ndata: {{sources: [{{path: rows.jsonl}}]}}\n"
    child.write_text(text, encoding="utf-8")
    assert load(str(child), environ={}).missing == ()


@pytest.mark.parametrize(
    ("key", "example"),
    [
        ("data.sources.0.self_cognition.name", "Ann"),
        ("data.sources.0.path", "rows.xlsx"),
        ("train.epochs", "3"),
        ("train.lora.targets", "[q_proj]"),
        ("engine", "xtuner@0.2.0"),
        ("model.hub", "huggingface"),
        ("engine_options.dataloader_pin_memory", "true"),
    ],
)
@pytest.mark.parametrize("with_example", [True, False])
def test_a_key_of_any_kind_may_be_required(
    key: str, example: str, with_example: bool, tmp_path: Path
) -> None:
    """It is one fault for a run, and none for what only reads the recipe."""
    path = tmp_path / "r.yaml"
    text = TEXT.replace("engine: xtuner@0.2.0\n", "") if key == "engine" else TEXT
    text = text.replace("path: rows.xlsx", "self_cognition: {}") if "self_" in key else text
    text = text.replace("path: rows.xlsx", "sheet: 1") if key.endswith(".path") else text
    more = f", example: '{example}'" if with_example else ""
    text += f"params: {{it: {{key: {key}, required: true, about: the thing{more}}}}}\n"
    path.write_text(text, encoding="utf-8")
    if with_example:
        assert [fault.key for fault in told(str(path)).faults] == ["params.it"]
        assert load(str(path), environ={}, complete=False).missing[0].name == "it"
    else:
        assert "-p it=" in str(told(str(path)))
    assert load(str(path), params=[f"it={example}"], environ={}).missing == ()


def test_the_short_form_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(TEXT + "params: {epochs: train.epochs}\n", encoding="utf-8")
    got = load(str(path), params=["epochs=2"], environ={})
    assert got.recipe.train.epochs == 2
    lock = tmp_path / "recipe.lock.yaml"
    lock.write_text(dump(got.recipe), encoding="utf-8")
    assert load(str(lock), environ={}).recipe == got.recipe


@pytest.mark.parametrize(
    ("params", "told_"),
    [
        ("{a: {required: true}}", "params.a.key: is required, but missing"),
        ("{a: {key: train.epochs, requird: true}}", "did you mean params.a.required?"),
        ("{a: {key: train.epoch, required: true}}", "did you mean train.epochs?"),
        ("{a: {key: train.epochs, required: maybe}}", "must be true or false"),
        ("[a]", "params: must be a mapping"),
    ],
)
def test_what_is_wrong_with_a_parameter_is_told(params: str, told_: str, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"{TEXT}params: {params}\n", encoding="utf-8")
    assert told_ in str(told(str(path)))


def test_list_show_and_json_tell_it() -> None:
    runner = CliRunner()
    assert "-p name=…" in runner.invoke(cli, ["list"]).output
    shown = runner.invoke(cli, ["show", HOMEWORK[0]]).output
    assert "# a run needs -p name=张三 (whose assistant the model is to become)" in shown
    made = json.loads(runner.invoke(cli, ["show", HOMEWORK[0], "--json"]).output)
    assert made["params"]["name"]["required"]
    assert made["params"]["name"]["missing"]
    assert made["values"][KEY]["value"] is None
    row = next(row for row in listing() if row.name == HOMEWORK[0])
    assert [param.word for param in row.required] == ["-p name=张三"]


def test_a_recipe_that_needs_a_word_is_valid_and_can_be_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert runner.invoke(cli, ["validate", *HOMEWORK]).exit_code == 0
    made = runner.invoke(cli, ["new", "mine", "--from", HOMEWORK[0]])
    assert made.output.rstrip().endswith("recipe run mine.yaml --rehearse -p name=张三")
    assert "recipe run mine.yaml -p name=张三" in Path("mine.yaml").read_text(encoding="utf-8")
    assert runner.invoke(cli, ["validate", "mine.yaml"]).exit_code == 0


@given(example=st.text(min_size=1))
def test_the_word_can_be_pasted_whatever_the_example(example: str) -> None:
    from orchestrator.recipe.faults import Mark
    from orchestrator.recipe.params import Parameter

    param = Parameter("name", KEY, True, example, "", Mark("r.yaml"))
    assert shlex.split(param.word) == ["-p", f"name={example}"]
