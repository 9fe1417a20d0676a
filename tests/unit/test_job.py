"""A job: which stages it has, where its rows come from, and what a rehearsal changes."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import engines
from orchestrator.base.errors import UsageError
from orchestrator.planning.job import Job, build, only_known_stages, safe_folder_name
from orchestrator.planning.rehearsal.families import family_of
from orchestrator.recipe.listing import listing
from orchestrator.recipe.load import load


def job(name: str, *sets: str, rehearse: bool = False, **more: bool) -> Job:
    return build(load(name, sets=sets, environ={}), rehearse=rehearse, **more)


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
    assert job("oasst1-qlora", *sets).stages == ("data", "model", "render", "check", *own)


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
    assert real.hub_dataset == real.context().dataset == "timdettmers/openassistant-guanaco"
    assert job("oasst1-qlora", rehearse=True).hub_dataset is None


@pytest.mark.parametrize("name", [one.name for one in listing()])
def test_every_change_of_a_rehearsal_is_said(name: str) -> None:
    real, rehearsed = job(name, must_find_rows=False), job(name, rehearse=True)
    said = "\n".join(rehearsed.changes)
    assert "a tiny stand-in made here" in rehearsed.changes[0]
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
    assert family_of(recipe.model, engines.release(f"xtuner@{version}")) == family


def test_a_family_that_the_recipe_names() -> None:
    recipe = load("medqa-qlora", sets=["model.architecture=mistral"], environ={}).recipe
    assert family_of(recipe.model, engines.release("xtuner@0.2.0")) == "mistral"


def test_an_unknown_stage_and_an_unknown_engine() -> None:
    with pytest.raises(UsageError, match="no stage called 'trian'") as caught:
        only_known_stages(job("oasst1-qlora"), None, "trian")
    assert "data, model, render, check, train, convert, merge" in str(caught.value)
    with pytest.raises(UsageError, match="did you mean xtuner"):
        engines.get("xtunr")
    with pytest.raises(UsageError, match="no engine release") as caught:
        engines.release("xtuner@9.9")
    assert "xtuner@0.2.0" in str(caught.value)


@pytest.mark.parametrize("name", engines.REGISTRY)
def test_an_engine_offers_what_the_protocol_asks_for(name: str) -> None:
    engine = importlib.import_module(engines.REGISTRY[name])
    wanted = [key for key in vars(engines.Engine) if not key.startswith("_")]
    wanted += [key for key in engines.Engine.__annotations__ if not key.startswith("_")]
    assert [key for key in wanted if not hasattr(engine, key)] == []
    assert engine.name == name
    assert all(release.engine == name for release in engine.releases)
