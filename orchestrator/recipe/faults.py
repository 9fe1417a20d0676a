"""Everything wrong with a recipe, as values that are collected and told at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from orchestrator.base.errors import UsageError
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


@dataclass(frozen=True)
class Fault:
    """One thing wrong: where, with which key, what, why, and the likely intention."""

    at: Mark
    key: str
    what: str
    why: str = ""
    meant: str = ""

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        why = f" ({self.why})" if self.why else ""
        meant = f" — did you mean {self.meant}?" if self.meant else ""
        return printable(f"{self.at}  {key}{self.what}{why}{meant}")

    def as_json(self) -> dict[str, Any]:
        """Plain data: file, line, column, key, what, why, meant."""
        rest = {key: getattr(self, key) for key in ("key", "what", "why", "meant")}
        return {**self.at._asdict(), **rest}


@dataclass(frozen=True)
class Objection:
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
        what = f"The recipe {name} has {count} fault{'s' if count > 1 else ''}."
        super().__init__(
            printable(what), fix="mend the lines above; `recipe schema` lists every key"
        )

    def __str__(self) -> str:
        lines = [self.what, *(f"  {fault}" for fault in self.faults), f"  next step: {self.fix}"]
        return "\n".join(lines)


def _order(fault: Fault) -> tuple[bool, str, int, int]:
    """Files first, then what the environment and the command line add."""
    file, line, column = fault.at
    return line is None, file, line or 0, column or 0
