"""Names, inheritance, overrides and where every value came from."""

# ruff: noqa: E501 - messages stand here as they are printed

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import UsageError
from orchestrator.planning.feasible import load
from orchestrator.recipe.faults import RecipeFaults
from orchestrator.recipe.find import recipe_files
from orchestrator.recipe.layers import Origin
from orchestrator.recipe.load import Loaded

BASE = """\
title: the parent
engine: xtuner@0.2.0
model: {id: some/model, template: internlm_chat, revision: v1}
data:
  sources:
    - path: rows.xlsx
      sheet: 007
    - self_cognition: {name: Ann}
train: {epochs: 3, lora: {rank: 8, targets: [a, b]}}
params: {name: data.sources.1.self_cognition.name, rank: train.lora.rank}
engine_options: {SYSTEM: hello}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of recipes that names reach, with `base` in it; the current folder is another."""
    found = tmp_path / "mine"
    found.mkdir()
    (found / "base.yaml").write_text(BASE, encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("RECIPE_PATH", str(found))
    return found


def loaded(name: str = "base", **more: Any) -> Loaded:
    return load(name, **{"environ": {}, **more})


def test_a_child_says_only_what_differs(folder: Path) -> None:
    child = (
        "extends: base\ntitle: the child\ntrain: {lora: {rank: 16, targets: [c]}, epochs: null}\n"
    )
    (folder / "child.yaml").write_text(child, encoding="utf-8")
    got = loaded("child")
    assert got.recipe.title == "the child"
    assert got.recipe.model.revision == "v1"
    assert got.recipe.train.lora.rank == 16
    assert got.recipe.train.lora.targets == ["c"]  # lists replace
    assert got.recipe.train.epochs is None  # null resets
    assert got.files == (folder / "child.yaml", folder / "base.yaml")
    assert got.name == "child"


def test_provenance_names_layer_file_and_line(folder: Path) -> None:
    (folder / "child.yaml").write_text("extends: base\ntitle: the child\n", encoding="utf-8")
    got = loaded(
        "child", sets=["train.epochs=5"], environ={"RECIPE_SET_TRAIN__LORA__RANK": "4"}
    ).provenance
    base, child = str(folder / "base.yaml"), str(folder / "child.yaml")
    assert got["title"] == Origin("recipe", child, 2, "the child")
    assert got["model.id"] == Origin("parent", base, 3, "some/model")
    assert got["train.lora.rank"] == Origin(
        "environment", "RECIPE_SET_TRAIN__LORA__RANK", None, "4"
    )
    assert got["train.epochs"] == Origin("command line", "--set train.epochs", None, "5")
    assert got["train.batch_size"] == Origin("default")
    assert got["data.sources.1.self_cognition.name"] == Origin("parent", base, 8, "Ann")
    assert got["engine_options.SYSTEM"] == Origin("parent", base, 11, "hello")
    assert list(got) == list(loaded("child").provenance)


def test_precedence_is_default_parent_recipe_environment_command_line(folder: Path) -> None:
    (folder / "child.yaml").write_text("extends: base\ntrain: {batch_size: 2}\n", encoding="utf-8")
    (folder / "base.yaml").write_text(BASE.replace("epochs: 3", "batch_size: 1"), encoding="utf-8")
    environ = {"RECIPE_SET_TRAIN__BATCH_SIZE": "3"}
    sizes = [
        loaded("base").recipe.train.batch_size,
        loaded("child").recipe.train.batch_size,
        loaded("child", environ=environ).recipe.train.batch_size,
        loaded("child", environ=environ, sets=["train.batch_size=4"]).recipe.train.batch_size,
    ]
    assert sizes == [1, 2, 3, 4]


def test_extends_a_path_beside_the_file(folder: Path) -> None:
    (folder / "sub").mkdir()
    child = folder / "sub" / "child.yaml"
    child.write_text("extends: ../base.yaml\n", encoding="utf-8")
    assert loaded(str(child)).recipe.title == "the parent"


def test_a_name_may_stand_beside_the_file_that_extends_it(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "one.yaml").write_text("extends: base\n", encoding="utf-8")
    (tmp_path / "two.yaml").write_text("extends: one\n", encoding="utf-8")
    assert len(loaded(str(tmp_path / "two.yaml")).files) == 3


def test_a_recipe_of_ones_own_may_extend_the_shipped_one_of_the_same_name(folder: Path) -> None:
    (folder / "medqa-qlora.yaml").write_text("extends: medqa-qlora\n", encoding="utf-8")
    got = loaded("medqa-qlora")
    assert got.path == folder / "medqa-qlora.yaml"
    assert got.recipe.expect.rows == 690


def test_a_circle_of_parents_is_told_with_its_names(folder: Path) -> None:
    for name, parent in (("a", "b"), ("b", "c"), ("c", "a")):
        (folder / f"{name}.yaml").write_text(f"extends: {parent}\n", encoding="utf-8")
    with pytest.raises(RecipeFaults, match="goes in a circle: a -> b -> c -> a"):
        loaded("a")


def test_an_unknown_name_says_the_nearest_and_where_it_looked(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        loaded("medqa-qlroa")
    assert "There is no recipe called 'medqa-qlroa'." in str(caught.value)
    assert "did you mean medqa-qlora" in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_file_of_that_name_in_the_current_folder_is_pointed_out(folder: Path) -> None:
    Path("here.yaml").write_text(BASE, encoding="utf-8")
    with pytest.raises(UsageError, match=r"did you mean the file \./here\.yaml"):
        loaded("here")


def test_an_unknown_path_says_what_lies_beside_it(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean .*base\.yaml"):
        loaded(str(folder / "bsae.yaml"))


@pytest.mark.parametrize("name", ["", ".", "a\0b", "x" * 5000, "../" * 500 + "x.yaml", "\ud800"])
def test_a_name_that_no_disk_takes_is_not_found(folder: Path, name: str) -> None:
    with pytest.raises(UsageError, match="There is no recipe"):
        loaded(name)


def test_a_folder_is_no_recipe(folder: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        loaded(f"{folder}/")


def test_a_users_recipe_hides_a_shipped_one_in_the_list(folder: Path) -> None:
    (folder / "medqa-qlora.yml").write_text(BASE, encoding="utf-8")
    found = recipe_files()
    assert found["medqa-qlora"] == folder / "medqa-qlora.yml"
    assert {"base", "oasst1-qlora"} <= set(found)


@pytest.mark.parametrize(
    ("given", "key", "expected"),
    [
        ("train.epochs=2", "train.epochs", 2),
        ("train.learning_rate=1e-4", "train.learning_rate", 1e-4),
        ("train.pack=false", "train.pack", False),
        ("train.epochs=null", "train.epochs", None),
        ("title=007", "title", "007"),
        ("title=a = b", "title", "a = b"),
        ("title={{ 7 * 7 }}", "title", "{{ 7 * 7 }}"),
        ("model.revision=null", "model.revision", None),
        ("model.revision=1.0", "model.revision", "1.0"),
        ("data.sources.0.path=a: b.xlsx", "data.sources.0.path", "a: b.xlsx"),
        ("data.sources[0].path=b.xlsx", "data.sources.0.path", "b.xlsx"),
        ("data.sources.0.sheet=2", "data.sources.0.sheet", 2),
        ("data.sources.0.sheet=DrugQA", "data.sources.0.sheet", "DrugQA"),
        ("data.sources.0.sheet=[x", "data.sources.0.sheet", "[x"),
        ("data.max_rejects=5%", "data.max_rejects", "5%"),
        ("data.max_rejects=5", "data.max_rejects", 5),
        ("evaluate.prompts=[a, b]", "evaluate.prompts.1", "b"),
        ("train.lora={alpha: 32}", "train.lora.rank", 8),
        ("train.lora.targets.1=c", "train.lora.targets.1", "c"),
        ("engine_options.SYSTEM=null", "engine_options.SYSTEM", None),
        ("engine_options.betas=[0.9, 0.95]", "engine_options.betas.1", 0.95),
        ("engine_options.a.b=1", "engine_options.a.b", 1),
        ("engine_options.SYSTEM.inner=1", "engine_options.SYSTEM.inner", 1),
        ("expect=null", "expect.rows", None),
    ],
)
def test_set(folder: Path, given: str, key: str, expected: object) -> None:
    got = loaded(sets=[given])
    assert got.values()[key] == expected
    assert type(got.values()[key]) is type(expected)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("train.epoch=2", "--set train.epoch  train.epoch: there is no such key — did you mean train.epochs?"),
        ("epochs=2", "did you mean train.epochs?"),
        ("trian.epochs=2", "did you mean train.epochs?"),
        ("data.source.1.path=x", "did you mean data.sources.0.path?"),
        ("extends=base", "cannot be set here"),
        ("data.sources.2.path=x", "there is no such item (data.sources has 2 items, counted from 0)"),
        ("data.sources.path=x", "there is no such key"),
        ("train.lora.targets.x=c", "there is no such key"),
        ("train.epochs.more=1", "there is no such key"),
        ("train.epochs=[1", "not valid YAML here"),
        ("train.epochs=three", "must be a number, not the text 'three'"),
        ("train.lora=7", "must be a mapping"),
        ("engine_options.x={{ y }}", "to mean text, quote it twice: --set 'engine_options.x="),
        ("novalue", "give it as KEY=VALUE"),
        ("=x", "give it as KEY=VALUE"),
        ("a..b=1", "there is no such key"),
        (f"data.sources.{'9' * 5000}.path=x", "there is no such item"),
        ("engine_options.a=[1, [", "quote it twice: --set 'engine_options.a="),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_told(folder: Path, given: str, told: str) -> None:
    with pytest.raises(RecipeFaults) as caught:
        loaded(sets=[given])
    assert told in str(caught.value)


def test_params_are_the_recipes_own_short_names(folder: Path) -> None:
    got = loaded(params=["name=007", "rank=32"])
    assert got.recipe.data.sources[1].self_cognition is not None
    assert got.recipe.data.sources[1].self_cognition.name == "007"
    assert got.recipe.train.lora.rank == 32
    assert got.provenance["train.lora.rank"] == Origin("command line", "-p rank", None, "32")


def test_a_name_called_null_is_a_name(folder: Path) -> None:
    got = loaded(params=["name=null"]).values()
    assert got["data.sources.1.self_cognition.name"] == "null"


def test_an_unknown_param_says_which_there_are(folder: Path) -> None:
    with pytest.raises(RecipeFaults) as caught:
        loaded(params=["nmae=x", "rank"])
    assert "-p nmae  this recipe has no such parameter (this recipe has name and rank) — did you mean name?" in str(caught.value)  # fmt: skip
    assert "-p rank  give it as NAME=VALUE" in str(caught.value)


def test_the_environment_spells_a_dot_as_two_underscores(folder: Path) -> None:
    environ = {
        "RECIPE_SET_MODEL__REVISION": "v2",
        "RECIPE_SET_engine_options__SYSTEM": "kept as it is",
        "RECIPE_SET_DATA__SOURCES__1__SELF_COGNITION__NAME": "007",
        "RECIPE_SETTINGS": "not for us",
    }
    got = loaded(environ=environ).values()
    assert got["model.revision"] == "v2"
    assert got["engine_options.SYSTEM"] == "kept as it is"
    assert got["data.sources.1.self_cognition.name"] == "007"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("RECIPE_SET_TRAIN_EPOCHS", "1", "its variable is RECIPE_SET_TRAIN__EPOCHS"),
        ("RECIPE_SET_EPOCHS", "1", "its variable is RECIPE_SET_TRAIN__EPOCHS"),
        ("RECIPE_SET_TRAIN__EPOCHS", "many", "train.epochs: must be a number"),
        ("RECIPE_SET_TRAIN__EPOCHS", "[1", "quote it twice: RECIPE_SET_TRAIN__EPOCHS="),
        ("RECIPE_SET_TRAIN__GPUS", "0", "train.gpus: must be at least 1"),
        ("RECIPE_SET_DATA__SOURCES__9__PATH", "x", "there is no such item"),
        ("RECIPE_SET_", "x", "there is no such key"),
        ("RECIPE_SET_TITLE", "", "title: must not be empty"),
        ("RECIPE_SET_engine_options__api_key", "x", "a secret does not belong into a recipe"),
    ],
)
def test_a_fault_of_the_environment_names_its_variable(
    folder: Path, name: str, value: str, told: str
) -> None:
    with pytest.raises(RecipeFaults) as caught:
        loaded(environ={name: value})
    (line,) = str(caught.value).splitlines()[1:-1]
    assert line.strip().startswith(name)
    assert told in line


def test_an_unknown_variable_of_the_environment_is_told(folder: Path) -> None:
    with pytest.raises(RecipeFaults, match=r"RECIPE_SET_TRAIN__EPOCH .*did you mean train.epochs"):
        loaded(environ={"RECIPE_SET_TRAIN__EPOCH": "1"})


def test_another_engine_from_the_command_line(folder: Path) -> None:
    got = loaded(engine="xtuner@0.1.9")
    assert got.recipe.engine_version == "0.1.9"
    assert got.provenance["engine"].file == "--engine"
    with pytest.raises(RecipeFaults, match="there is no engine release 'xtunr@0"):
        loaded(engine="xtunr@0.1.9")


def test_paths_are_looked_for_here_and_beside_the_file_that_said_them(
    folder: Path, tmp_path: Path
) -> None:
    child = tmp_path / "child.yaml"
    child.write_text("extends: base\n", encoding="utf-8")
    got = loaded(str(child))
    here, beside = Path.cwd() / "rows.xlsx", folder / "rows.xlsx"
    assert got.candidates("rows.xlsx") == (here, beside)
    assert got.resolve("rows.xlsx") == here  # what is nowhere is expected here
    beside.touch()
    assert got.resolve("rows.xlsx") == beside
    here.touch()
    assert got.resolve("rows.xlsx") == here
    assert got.resolve("/abs/rows.xlsx") == Path("/abs/rows.xlsx")
    assert got.resolve("~/rows.xlsx") == Path.home() / "rows.xlsx"


def test_a_path_of_the_command_line_is_not_looked_for_beside_the_parent(folder: Path) -> None:
    got = loaded(sets=["data.sources.0.path=other.xlsx"])
    assert got.candidates("other.xlsx") == (Path.cwd() / "other.xlsx",)


def test_a_sample_stands_beside_the_file_that_said_it_and_nowhere_else(
    folder: Path, tmp_path: Path
) -> None:
    child = tmp_path / "child.yaml"
    child.write_text("extends: medqa-qlora\n", encoding="utf-8")
    sample = loaded(str(child)).resolve_sample("data/medqa-sample.xlsx")
    assert sample.is_file()
    assert sample.parent.parent == loaded("medqa-qlora").path.resolve().parent


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "must not be empty"),
        (" \n", "must not be blank"),
        ("\udcff", "must be valid text"),
    ],
)
def test_a_name_that_is_none_is_told(name: str, told: str) -> None:
    with pytest.raises(RecipeFaults) as caught:
        load("self-cognition-qlora", params=[f"name={name}"], environ={})
    assert f"-p name  data.sources.0.self_cognition.name: {told}" in str(caught.value)


@given(name=st.text(min_size=1).filter(str.strip))
def test_any_name_stays_data(name: str) -> None:
    shipped = load("self-cognition-qlora", params=[f"name={name}"], environ={})
    assert shipped.values()["data.sources.0.self_cognition.name"] == name


@given(
    title=st.sampled_from(["'", '"', "{{ x }}", "{% x %}", "\n", "\t", "#", ": ", "\\", "null "])
)
def test_any_title_stays_data(title: str) -> None:
    shipped = load("medqa-qlora", sets=[f"title=a{title}b"], environ={})
    assert shipped.recipe.title == f"a{title}b"
