"""What a model's own code does on a release is known before anything is downloaded, and said."""

from __future__ import annotations

import pytest

from orchestrator.base.language import is_chinese
from orchestrator.engines import llamafactory
from orchestrator.engines.llamafactory.model_code import FITS, own_code
from orchestrator.envs import locks
from orchestrator.planning import feasible
from orchestrator.planning.job import build
from orchestrator.recipe.listing import listing
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.trust import trusts_remote_code

OURS = [one.name for one in listing() if one.engine.startswith("llamafactory@")]


def read(name: str, *sets: str) -> Recipe:
    return feasible.load(name, sets=sets, environ={}, complete=False).recipe


def notes(*sets: str, name: str = "emollm-glm4-lora") -> str:
    loaded = feasible.load(name, sets=sets, environ={})
    return "\n".join(build(loaded, must_find_rows=False).notes)


@pytest.mark.parametrize("release", llamafactory.releases, ids=lambda release: release.name)
def test_the_table_was_tried_with_the_transformers_of_the_lock(
    release: llamafactory.Release,
) -> None:
    """Another lock wants another trial: 5.x neither trained ChatGLM3 nor saved InternLM2."""
    pinned = locks.load(release).pins()["transformers"]
    assert FITS[release.version].transformers == pinned
    assert int(pinned.split(".")[0]) < 5


@pytest.mark.parametrize("name", OURS)
def test_a_shipped_recipe_whose_model_brings_code_is_in_the_table(name: str) -> None:
    recipe = read(name)
    assert (own_code(recipe) is not None) == trusts_remote_code(recipe.model)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("ZhipuAI/chatglm3-6b-32k", ("ChatGLM3", "training:", "chat:", "transformers 4.41.2")),
        ("me/InternLM2-chat-7b", ("InternLM2", "chat:", "get_max_length", "an older transformers")),
        ("ZhipuAI/glm-4-9b-chat", ("GLM-4", "training:", "glm-4-9b-chat-hf")),
    ],
)
def test_what_may_not_work_is_said_with_what_fits(model: str, words: tuple[str, ...]) -> None:
    said = notes(f"model.id={model}")
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize(
    "model", ["ZhipuAI/glm-4-9b-chat-hf", "Qwen/Qwen2.5-7B-Instruct", "me/Llama-3.1-8B"]
)
def test_a_model_that_transformers_has_itself_is_not_warned_of(model: str) -> None:
    assert "own code" not in notes(f"model.id={model}")


def test_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPE_LANG", "zh")
    is_chinese.cache_clear()
    try:
        said = notes(name="chatglm3-lora")
    finally:
        is_chinese.cache_clear()
    assert "ChatGLM3 自带的代码与 transformers 4.57.6：训练" in said
