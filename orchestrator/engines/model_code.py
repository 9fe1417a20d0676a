"""Words for the tables of which models' own code fits which release, for training, saving, chat.

A repository's code is bound to the transformers of its time, and a rehearsal on a stand-in shows
nothing of it. Each engine keeps its own table, ``model_code.py`` in its package; a recipe is held
to it before anything is downloaded (:mod:`orchestrator.planning.model_fit`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

#: The same words in English and Chinese.
Text = tuple[str, str]


class Word(Enum):
    """What happens to one step."""

    WORKS = "works"
    """Tried with the model's own code and tokenizer and tiny weights."""
    DEPENDS = "depends"
    """Some public copies of the code fail, others do not."""
    FAILS = "fails"
    UNTRIED = "untried"


@dataclass(frozen=True)
class Step:
    word: Word
    why: Text = ("", "")


WORKS = Step(Word.WORKS)


@dataclass(frozen=True, kw_only=True)
class Steps:
    """One family's code on one release."""

    train: Step = WORKS
    save: Step = WORKS
    chat: Step = WORKS
    lost_tokenizer: bool = False
    """Whether the tokenizer that the release saves cannot be loaded again."""

    def named(self) -> dict[Text, Step]:
        """The steps under their names."""
        return {
            ("training", "训练"): self.train,
            ("saving", "保存"): self.save,
            ("chat", "对话"): self.chat,
        }

    @property
    def fits(self) -> bool:
        """Whether every step was seen to work."""
        return all(step.word is Word.WORKS for step in self.named().values())

    @property
    def cannot_make_a_model(self) -> bool:
        return Word.FAILS in (self.train.word, self.save.word)


UNKNOWN = Step(Word.UNTRIED, ("nobody has tried it", "没有试过"))
UNTRIED = Steps(train=UNKNOWN, save=UNKNOWN, chat=UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Family:
    """Models whose repositories bring the same code, and what it does on each release."""

    name: str
    ids: str
    """Pattern of the model ids and folders, in any case."""
    on: Mapping[str, Steps] = field(default_factory=dict)
    """Version of the engine -> what happens there; a version that is not here was not tried."""
    instead: Text | None = None
    """Another model that does the same and needs no code of its own."""

    def on_release(self, version: str) -> Steps:
        """What happens on that version of the engine."""
        return self.on.get(version, UNTRIED)


@dataclass(frozen=True)
class Native:
    """An architecture that transformers has itself, from one version on."""

    name: str
    ids: str
    """Pattern of the model ids, in any case, where the model's makers publish it."""
    since: tuple[int, int]


#: Source: the release notes of transformers.
NATIVE: tuple[Native, ...] = (
    Native("GLM", r"(^|/)glm-4-9b[\w-]*-hf$|(^|/)glm-edge", (4, 46)),
    Native("Qwen3", r"(^|/)qwen3-\d", (4, 51)),
    Native("Qwen2", r"(^|/)qwen(1\.5|2|2\.5)-\d", (4, 37)),
    Native("Llama 3.1", r"(^|/)(meta-)?llama-3\.[1-3]-\d", (4, 43)),
    Native("Gemma 2", r"(^|/)gemma-2-\d", (4, 42)),
    Native("Gemma 3", r"(^|/)gemma-3-\d", (4, 50)),
)


def native_of(model_id: str) -> Native | None:
    """The architecture of a model that brings no code; None: not known here."""
    return next((one for one in NATIVE if re.search(one.ids, model_id, re.IGNORECASE)), None)


def family_of(model_id: str, table: Sequence[Family]) -> Family | None:
    """The row of ``table`` for a model; None: its kind brings no code, or nobody knows of it."""
    return next((one for one in table if re.search(one.ids, model_id, re.IGNORECASE)), None)
