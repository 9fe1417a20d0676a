"""A job: which stages it has, where its rows come from, and what a rehearsal changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base import layout
from orchestrator.base.errors import UsageError
from orchestrator.engines import registry
from orchestrator.engines.job import Job, safe_folder_name
from orchestrator.planning.job import build, only_known_stages, stages
from orchestrator.planning.rehearsal.families import family_of
from orchestrator.planning.stages import plan as stage_plan
from orchestrator.recipe.listing import listing
from orchestrator.recipe.load import load


def job(name: str, *sets: str, rehearse: bool = False, **more: bool) -> Job:
    return build(load(name, sets=sets, environ={}, complete=False), rehearse=rehearse, **more)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("sets", "own"),
    [
        ((), ("train", "convert", "merge")),
        (("export.merge=false",), ("train", "convert")),
        (("train.method=full",), ("train", "convert")),
    ],
)
def test_the_stages(sets: tuple[str, ...], own: tuple[str, ...]) -> None:
    assert stages(job("oasst1-qlora", *sets)) == ("data", "model", "render", "check", *own)


def test_rows_that_are_nowhere_are_named_with_what_helps() -> None:
    with pytest.raises(UsageError) as caught:
        job("medqa-qlora", "data.sources.0.path=MINE.xlsx", "data.sources.0.url=null")
    text = str(caught.value)
    for words in ("'MINE.xlsx' are not there", "looked in:", "--set data.sources.0.path=FILE"):
        assert words in text
    assert job("medqa-qlora", must_find_rows=False).sources[0].path is None


def test_a_file_in_this_folder_comes_first(tmp_path: Path) -> None:
    (tmp_path / "MedQA2019.xlsx").write_bytes(b"x")
    found = job("medqa-qlora", rehearse=True).sources[0]
    assert (found.path, found.is_sample) == (tmp_path / "MedQA2019.xlsx", False)


def test_a_rehearsal_uses_the_sample_and_says_so() -> None:
    found = job("medqa-qlora", rehearse=True)
    assert found.sources[0].is_sample
    assert found.sources[0].path is not None
    assert found.sources[0].path.is_file()
    assert any(line.startswith("rows: the shipped sample") for line in found.changes)
    assert found.unchecked == "sample rows are used"


def test_a_hub_data_set_is_the_engines_to_load() -> None:
    real = job("oasst1-qlora")
    (found,) = real.hub_sources
    assert found.source.dataset == "timdettmers/openassistant-guanaco"
    assert real.train_file is None
    assert job("oasst1-qlora", rehearse=True).hub_sources == ()


@pytest.mark.parametrize("name", [one.name for one in listing()])
def test_every_change_of_a_rehearsal_is_said(name: str) -> None:
    real, rehearsed = job(name, must_find_rows=False), job(name, rehearse=True)
    said = "\n".join(rehearsed.changes)
    native = real.release.native_standins
    assert ("a tiny stand-in made here" if native else "CONTRACT") in rehearsed.changes[0]
    before, after = (one.recipe.train.model_dump() for one in (real, rehearsed))
    for key in before:
        if before[key] != after[key]:
            assert f"train.{key}: {before[key]} -> {after[key]} (" in said
    for part in ("data", "export", "evaluate", "model"):
        assert getattr(real.recipe, part) == getattr(rehearsed.recipe, part)
    options = rehearsed.recipe.engine_options
    for key, value in real.recipe.engine_options.items():
        assert options.get(key) == value or f"engine_options.{key}: {value} -> " in said
    assert rehearsed.model_name == "standin"


@given(st.text(max_size=40))
def test_a_models_folder_can_be_a_python_module(model_id: str) -> None:
    name = safe_folder_name(model_id)
    assert name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@pytest.mark.parametrize("folder", [*layout.FOLDERS, "Merged", "LOGS"])
@pytest.mark.parametrize("place", ["/models/{}", "/models/{}/", "owner/{}", "{}"])
def test_a_models_folder_never_meets_the_runs_own(folder: str, place: str) -> None:
    name = safe_folder_name(place.format(folder))
    assert name == f"{folder}-base"
    assert name.casefold() not in layout.FOLDERS


def test_every_folder_of_a_run_is_known_to_be_taken() -> None:
    names = [value for key, value in vars(layout).items() if key.isupper() and key != "FOLDERS"]
    assert {name.partition("/")[0] for name in names if "/" in name or "." not in name} <= set(
        layout.FOLDERS
    )


def test_no_engine_writes_through_the_link_to_a_model() -> None:
    """Whatever an engine makes besides single files has a name that is known to be taken."""
    for sets in ((), ("train.deepspeed=zero2",), ("train.deepspeed=zero3_offload",)):
        for name in ("medqa-qlora", "medqa-lora-llamafactory", "emollm-glm4-lora"):
            plan = stage_plan("render", job(name, *sets, must_find_rows=False), Path())
            folders = {file.path.partition("/")[0] for file in plan.files if "/" in file.path}
            assert folders <= set(layout.FOLDERS), (name, sets)


def test_the_folder_keeps_the_models_own_name() -> None:
    assert safe_folder_name("Shanghai_AI_Laboratory/internlm-chat-7b") == "internlm-chat-7b"
    assert safe_folder_name("a/Qwen1.5-7B/") == "Qwen1_5-7B"


@pytest.mark.parametrize(
    ("model", "version", "family"),
    [
        ("Shanghai_AI_Laboratory/internlm-chat-7b", "0.2.0", "llama"),
        ("ZhipuAI/chatglm3-6b", "0.2.0", "llama"),
        ("qwen/Qwen-7B-Chat", "0.2.0", "qwen2"),
        ("Shanghai_AI_Laboratory/internlm-chat-7b", "0.1.9", "gpt_neox"),
    ],
)
def test_the_stand_ins_family(model: str, version: str, family: str) -> None:
    recipe = load("medqa-qlora", sets=[f"model.id={model}"], environ={}).recipe
    assert family_of(recipe.model, registry.release(f"xtuner@{version}")) == family


def test_a_family_that_the_recipe_names() -> None:
    recipe = load("medqa-qlora", sets=["model.architecture=mistral"], environ={}).recipe
    assert family_of(recipe.model, registry.release("xtuner@0.2.0")) == "mistral"


def test_an_unknown_stage_and_an_unknown_engine() -> None:
    with pytest.raises(UsageError, match="no stage called 'trian'") as caught:
        only_known_stages(job("oasst1-qlora"), None, "trian")
    assert "data, model, render, check, train, convert, merge" in str(caught.value)
    with pytest.raises(UsageError, match="did you mean xtuner"):
        registry.get("xtunr")
    with pytest.raises(UsageError, match="no engine release") as caught:
        registry.release("xtuner@9.9")
    assert "xtuner@0.2.0" in str(caught.value)


def test_the_releases_of_an_engine_are_its_own() -> None:
    """That each engine meets the protocol is mypy's to check: the registry is typed."""
    for engine in registry.ENGINES:
        assert registry.get(engine.name) is engine
        assert {release.engine for release in engine.releases} == {engine.name}
