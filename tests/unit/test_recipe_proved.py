"""Every shipped recipe's header says on what it was proved, and says what the tables say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.base.paths import shipped_recipes_dir
from orchestrator.engines import registry
from orchestrator.engines.model_code import Word
from orchestrator.planning.model_fit import steps_on
from orchestrator.recipe.load import load

FILES = sorted(shipped_recipes_dir().glob("*.yaml"))
KINDS = ("real weights", "the model's own code", "a stand-in")
_PROVED = re.compile(r"^# Proved on: (.+?)\.(?: Not proved: (.+?)\.)?$", re.MULTILINE)
_OWN = re.compile(r"the model's own code \(([a-z, ]+)\)")


def proved(path: Path) -> tuple[str, set[str], set[str]]:
    """The header's words; the steps of the model's own code that it claims, and those it denies."""
    head = path.read_text(encoding="utf-8").split("\n\n", 1)[0]
    text = re.sub(r"\n#   ", " ", head)  # a line that goes on is indented
    found = _PROVED.findall(text)
    assert len(found) == 1, "the header wants one line: # Proved on: …."
    words, rest = found[0]
    own = _OWN.search(words)
    return words, set(own[1].split(", ")) if own else set(), set(filter(None, rest.split(", ")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_header_says_on_what_it_was_proved(path: Path) -> None:
    words, claimed, _ = proved(path)
    assert [kind for kind in KINDS if kind in words]
    assert ("the model's own code" in words) == bool(claimed)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_it_says_of_the_models_own_code_is_what_the_table_says(path: Path) -> None:
    recipe = load(str(path), environ={}, complete=False).recipe
    steps = steps_on(recipe.model, registry.release(recipe.engine))
    _, claimed, denied = proved(path)
    if steps is None:  # transformers has it itself, or the engine keeps no table
        assert not denied
        return
    named = {english: step.word for (english, _), step in steps.named().items()}
    assert claimed == {name for name, word in named.items() if word is Word.WORKS}
    assert denied == {name for name, word in named.items() if word is not Word.WORKS}
