"""A recipe's prompt template under the name that an engine has for it.

A recipe may use the word of any engine: each engine brings a table of its own names, of the words
that others use for them, and of what it is known to lack.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from data_tools.nearest import nearest
from orchestrator.base.language import say
from orchestrator.recipe.faults import Objection


@dataclass(frozen=True, kw_only=True)
class TemplateTable:
    """What one engine release calls its prompt templates."""

    engine: str
    known: Set[str]
    """Every name in the release's own registry."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Words that recipes use -> the engine's own name."""
    instead: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Templates that the engine lacks -> what to do instead, in words."""

    def own(self, word: str) -> str:
        """The engine's name for ``word``; the word itself where the table does not know it."""
        return word if word in self.known else self.aliases.get(word, word)

    def objection(self, word: str, key: str = "model.template") -> Objection | None:
        """Why ``word``, the value of ``key``, names no template of this engine; None: it does."""
        if self.own(word) in self.known:
            return None
        if word in self.instead:
            why = say(
                "another template would teach the model the wrong marks",
                "换一个模板会让模型学到错误的标记",
            )
            what = say(
                f"{self.engine} has no prompt template like {word!r}",
                f"{self.engine} 没有与 {word!r} 相当的对话模板",
            )
            return Objection(key, what, f"{why}; {say(*self.instead[word])}")
        words = sorted({*self.known, *self.aliases})
        near = nearest(word, words)
        known = ", ".join(sorted(self.known))
        why = "" if near else say(f"it has {known}", f"它有 {known}")
        what = say(
            f"{self.engine} has no prompt template {word!r}",
            f"{self.engine} 没有对话模板 {word!r}",
        )
        return Objection(key, what, why, near)
