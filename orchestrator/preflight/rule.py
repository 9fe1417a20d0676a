"""A rule of the preflight: what it looks at and where that is known from; and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.base.language import say
from orchestrator.preflight.situation import Situation

Level = Literal["error", "warning", "note"]
#: What a finding is worth where the recipe silences its rule.
IGNORED = "ignored"
OK = "ok"


@dataclass(frozen=True)
class Found:
    """One thing that a rule found: the cause in words, and what to do about it."""

    level: Level
    cause: str
    fix: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One line of the table. ``looks`` is in English and Chinese; ``source``: why it is a rule."""

    id: str
    looks: tuple[str, str]
    source: str
    examine: Callable[[Situation], Iterable[Found]]
    machine: bool = False
    """Whether it says something without a recipe."""


@dataclass(frozen=True)
class Verdict:
    """What one rule said; ``ignored`` is the recipe's reason for not hearing it."""

    rule: Rule
    level: str
    cause: str = ""
    fix: str | None = None
    ignored: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data: id, level, what it looks at, cause, fix, source, the reason to ignore it."""
        return {
            "id": self.rule.id,
            "level": self.level,
            "looks_at": say(*self.rule.looks),
            "cause": self.cause or None,
            "fix": self.fix,
            "source": self.rule.source,
            "ignored": self.ignored,
        }


def examine(
    rules: Iterable[Rule], situation: Situation, *, ignore: Mapping[str, str] | None = None
) -> Iterator[Verdict]:
    """Every rule's verdicts in the order of the table; a rule with nothing to say is ``ok``."""
    silenced = ignore or {}
    for rule in rules:
        if situation.recipe is None and not rule.machine:
            continue
        found = list(rule.examine(situation))
        reason = silenced.get(rule.id)
        for one in found:
            level = IGNORED if reason is not None and one.level != "note" else one.level
            yield Verdict(rule, level, one.cause, one.fix, reason if level == IGNORED else None)
        if not found:
            yield Verdict(rule, OK)
