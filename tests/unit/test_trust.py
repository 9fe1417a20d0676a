"""Whose code may run: owner, name and revision decide, or the recipe's explicit word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base.paths import shipped_recipes_dir
from orchestrator.base.plan import Command
from orchestrator.planning import stages
from orchestrator.planning.job import build
from orchestrator.recipe.load import load
from orchestrator.recipe.schema import Model
from orchestrator.recipe.trust import TRUSTED, trust_in_words, trusts_remote_code

KNOWN = {"id": "Shanghai_AI_Laboratory/internlm-chat-7b", "revision": "v1.0.3"}


def model(**fields: Any) -> Model:
    return Model(**{**KNOWN, "template": "t", **fields})


def test_what_a_shipped_recipe_names_is_trusted() -> None:
    assert trusts_remote_code(model())
    assert "internlm-chat-7b@v1.0.3" in trust_in_words(model())


@pytest.mark.parametrize(
    "other",
    [
        {"revision": "v1.0.4"},
        {"revision": None},
        {"revision": "master"},
        {"hub": "huggingface"},
        {"id": "someone/internlm-chat-7b"},
        {"id": "internlm-chat-7b"},
        {"path": "/here/internlm-chat-7b"},
        {"hub": "local"},
    ],
)
def test_anything_else_is_not(other: dict[str, Any]) -> None:
    assert not trusts_remote_code(model(**other))
    assert "model.trust_remote_code=true" in trust_in_words(model(**other))


@pytest.mark.parametrize("other", [{"id": "o/m"}, {"path": "/here"}, {"revision": None}])
def test_the_recipe_s_word_decides(other: dict[str, Any]) -> None:
    assert trusts_remote_code(model(**other, trust_remote_code=True))
    assert not trusts_remote_code(model(trust_remote_code=False))


def test_a_branch_is_said_to_move() -> None:
    words = trust_in_words(model(id="o/m", revision=None, trust_remote_code=True))
    assert "o/m@master (a branch that may move)" in words


def test_every_entry_belongs_to_a_shipped_recipe() -> None:
    shipped = [
        load(str(path), complete=False).recipe.model
        for path in shipped_recipes_dir().glob("*.yaml")
    ]
    used = {((each.hub, each.id), each.revision or "master") for each in shipped}
    listed = {(key, revision) for key, revisions in TRUSTED.items() for revision in revisions}
    assert listed <= used


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", ["medqa-qlora", "medqa-lora-llamafactory"])
def test_no_command_of_an_engine_trusts_by_itself(
    name: str, known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rendered files and the check of the merged tokenizer follow the one rule."""
    monkeypatch.chdir(tmp_path)
    sets = () if known else ("model.id=someone/other",)
    loaded = load(name, sets=sets, engine=NEWEST[name], environ={})
    job = build(loaded, must_find_rows=False)
    (reload,) = [c for c in stages.plan(LAST[name], job, tmp_path).commands if is_reload(c)]
    assert ("own-code" in reload.argv) is known
    texts = "\n".join(file.text for file in stages.plan("render", job, tmp_path).files)
    trusting = re.findall(r"^\s*trust_remote_code\s*[=:]\s*true", texts, re.I | re.M)
    assert bool(trusting) is known


#: A release whose files say it; an older one is asked in the check stage.
NEWEST = {"medqa-qlora": "xtuner@0.2.0", "medqa-lora-llamafactory": "llamafactory@0.9.5"}
LAST = {"medqa-qlora": "merge", "medqa-lora-llamafactory": "export"}


def is_reload(command: Command) -> bool:
    return any(isinstance(word, str) and "check_tokenizer" in word for word in command.argv)
