"""Everything wrong with a recipe, as values that are collected and told at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.base.text import printable


class Mark(NamedTuple):
    """A place: a file (or the words of the command line) and, in a file, line and column from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        if self.line is None:
            return self.file
        near = os.path.relpath(self.file)
        file = self.file if near.startswith(os.pardir) else near
        return ":".join(str(part) for part in (file, *self[1:]) if part is not None)


class Fault(NamedTuple):
    """One thing wrong: where, with which key, what, why, and the likely intention."""

    at: Mark
    key: str
    what: str
    why: str = ""
    meant: str = ""
    retry: tuple[str, ...] = ()
    """Words that are missing in the command, where the recipe itself is right."""

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        why = f" ({self.why})" if self.why else ""
        question = say(f"did you mean {self.meant}?", f"您是指 {self.meant} 吗？")
        meant = f" — {question}" if self.meant else ""
        return printable(f"{self.at}  {key}{self.what}{why}{meant}")

    def as_json(self) -> dict[str, Any]:
        """Plain data: file, line, column, key, what, why, meant."""
        rest = {key: getattr(self, key) for key in ("key", "what", "why", "meant")}
        return {**self.at._asdict(), **rest}


class Objection(NamedTuple):
    """What somebody who knows more than the schema has against one key: the engine, for example."""

    key: str
    what: str
    why: str = ""
    meant: str = ""


#: Asked with the engine release's name, and the recipe when its schema holds.
Judge = Callable[[str, Any], Iterable[Objection]]


class RecipeFaults(UsageError):
    """All faults of one recipe, in the order of the file (exit code 2)."""

    def __init__(self, name: str, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(dict.fromkeys(faults), key=_order))
        count = len(self.faults)
        what = say(
            f"The recipe {name} has {count} fault{'s' if count > 1 else ''}.",
            f"配方 {name} 有 {count} 处错误。",
        )
        incomplete = all(fault.retry for fault in self.faults)
        fix = (
            say("give what is missing", "补上所缺的参数")
            if incomplete
            else say(
                "correct the lines above; `recipe schema` lists every key",
                "请更正以上各行；`recipe schema` 列出所有键",
            )
        )
        retry = [word for fault in self.faults for word in fault.retry] if incomplete else []
        super().__init__(what, fix=fix, retry=retry)

    def __str__(self) -> str:
        lines = [self.what, *(f"  {fault}" for fault in self.faults)]
        return printable("\n".join([*lines, f"  {say('next step', '下一步')}: {self.fix}"]))


def _order(fault: Fault) -> tuple[bool, str, int, int]:
    """Files first, then what the environment and the command line add."""
    file, line, column = fault.at
    return line is None, file, line or 0, column or 0
