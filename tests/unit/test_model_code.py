"""What a model's own code does on a release: known before a download, with place and what fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.base.language import is_chinese
from orchestrator.cli import cli
from orchestrator.engines import registry
from orchestrator.engines.chatglm3 import model_code as chatglm3
from orchestrator.engines.llamafactory import model_code as llamafactory
from orchestrator.engines.model_code import Family, Step, Steps, Word, family_of
from orchestrator.engines.protocol import KnowsOwnCode
from orchestrator.engines.xcomposer2 import model_code as xcomposer2
from orchestrator.engines.xtuner import model_code as xtuner
from orchestrator.envs import locks
from orchestrator.envs.release import Release
from orchestrator.planning import feasible, model_fit
from orchestrator.planning.job import build
from orchestrator.recipe.faults import RecipeFaults
from orchestrator.recipe.listing import listing
from orchestrator.recipe.trust import trusts_remote_code

RELEASES = registry.all_releases()
SHIPPED = [one.name for one in listing()]


def table_of(release: Release) -> tuple[Family, ...]:
    engine = registry.get(release.engine)
    return tuple(engine.own_code) if isinstance(engine, KnowsOwnCode) else ()


def warned(name: str, *sets: str, engine: str | None = None) -> str:
    loaded = feasible.load(name, sets=sets, engine=engine, environ={}, complete=False)
    return "\n".join(map(str, model_fit.warnings(loaded)))


TRIED_WITH = {
    "chatglm3": chatglm3.TRIED_WITH,
    "xcomposer2": xcomposer2.TRIED_WITH,
    "llamafactory": llamafactory.TRIED_WITH,
    "xtuner": xtuner.TRIED_WITH,
}


@pytest.mark.parametrize("release", RELEASES, ids=lambda one: one.name)
def test_the_table_was_tried_with_the_transformers_of_the_lock(release: Release) -> None:
    """Another lock wants another trial: 5.x neither trained ChatGLM3 nor saved InternLM2."""
    if table_of(release):
        tried = TRIED_WITH[release.engine][release.version]
        assert tried == locks.load(release).pins()["transformers"]


@pytest.mark.parametrize("release", RELEASES, ids=lambda one: one.name)
def test_a_table_names_releases_that_there_are_and_says_why(release: Release) -> None:
    versions = {one.version for one in registry.get(release.engine).releases}
    for family in table_of(release):
        assert set(family.on) <= versions
        for step in family.on_release(release.version).named().values():
            assert (step.word is Word.WORKS) == (step.why == ("", ""))
            assert all(step.why) or step.word is Word.WORKS


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_whose_model_brings_code_is_in_the_table(name: str) -> None:
    recipe = feasible.load(name, environ={}, complete=False).recipe
    release = registry.release(recipe.engine)
    if not table_of(release):
        return
    found = family_of(recipe.model.id, table_of(release))
    assert (found is not None) == trusts_remote_code(recipe.model)


def test_what_may_not_work_has_file_line_and_the_release_that_fits(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    engine = "engine: llamafactory@0.9.5"
    mine.write_text(f"extends: chatglm3-lora\n{engine}\nmodel:\n  id: me/ChatGLM3\n")
    said = warned(str(mine))
    assert "mine.yaml:4" in said
    assert "model.id: ChatGLM3's own code on llamafactory@0.9.5" in said
    assert "num_hidden_layers" in said
    assert "--engine llamafactory@0.8.3" in said
    loaded = feasible.load(str(mine), environ={})
    assert said in build(loaded, must_find_rows=False).notes


@pytest.mark.parametrize(
    "model", ["ZhipuAI/glm-4-9b-chat-hf", "Qwen/Qwen2.5-7B-Instruct", "me/Llama-3.1-8B"]
)
def test_a_model_that_transformers_has_itself_is_not_warned_of(model: str) -> None:
    assert warned("emollm-glm4-lora", f"model.id={model}") == ""


NEWER = [
    ("ZhipuAI/glm-4-9b-chat-hf", "llamafactory@0.8.3", "GLM", "llamafactory@0.9.5"),
    ("Qwen/Qwen3-8B", "llamafactory@0.8.3", "Qwen3", "llamafactory@0.9.5"),
    ("Qwen/Qwen2.5-7B-Instruct", "llamafactory@0.8.3", "", ""),
    ("LLM-Research/Meta-Llama-3.1-8B", "llamafactory@0.8.3", "Llama 3.1", "llamafactory@0.9.5"),
    ("Qwen/Qwen2.5-7B", "xtuner@0.1.9", "Qwen2", "xtuner@0.2.0"),
    ("me/tuned-qwen3-8b", "llamafactory@0.8.3", "", ""),
]


@pytest.mark.parametrize(("model", "release", "name", "fits"), NEWER)
def test_an_architecture_newer_than_the_releases_transformers_is_refused(
    model: str, release: str, name: str, fits: str
) -> None:
    recipe = feasible.load("emollm-glm4-lora", sets=[f"model.id={model}"], environ={}).recipe
    found = list(model_fit.objections(recipe, registry.release(release)))
    if not name:
        assert found == []
        return
    (objection,) = found
    assert objection.key == "model.id"
    assert f"does not know {name}" in objection.what
    assert fits in objection.why


@pytest.mark.parametrize("step", ["train", "save"])
def test_a_release_that_cannot_make_the_model_is_refused_with_its_line(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = {step: Step(Word.FAILS, ("its config has no max_length", "配置没有 max_length"))}
    family = Family(name="Old", ids="old", on={"0.9.5": Steps(**fails), "0.8.3": Steps()})
    monkeypatch.setattr(registry.get("llamafactory"), "own_code", (family,))
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: emollm-glm4-lora\nmodel:\n  id: me/old-7b\n")
    with pytest.raises(RecipeFaults) as caught:
        feasible.load(str(mine), environ={})
    (fault,) = caught.value.faults
    assert (fault.key, fault.at.line) == ("model.id", 3)
    assert "its config has no max_length" in fault.what
    assert fault.why == "seen to work with it: --engine llamafactory@0.8.3"
    loaded = feasible.load(str(mine), engine="llamafactory@0.8.3", environ={})
    assert model_fit.warnings(loaded) == ()


def test_what_works_is_not_warned_of() -> None:
    assert warned("chatglm3-lora") == ""


def test_validate_shows_warnings_and_still_says_ok(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("extends: chatglm3-lora\nengine: llamafactory@0.9.5\n")
    told = CliRunner().invoke(cli, ["validate", "mine.yaml"])
    assert (told.exit_code, told.output[:27]) == (0, "ok      mine.yaml\n  warning")
    done = CliRunner().invoke(cli, ["validate", "mine.yaml", "--json"])
    (verdict,) = json.loads(done.output)
    (warning,) = verdict["warnings"]
    assert verdict["valid"]
    assert (warning["key"], warning["line"] > 0) == ("model.id", True)


def test_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPE_LANG", "zh")
    is_chinese.cache_clear()
    try:
        said = warned("chatglm3-lora", engine="llamafactory@0.9.5")
    finally:
        is_chinese.cache_clear()
    assert "ChatGLM3 自带的代码在 llamafactory@0.9.5 上：" in said
    assert "实测可用：--engine llamafactory@0.8.3" in said
