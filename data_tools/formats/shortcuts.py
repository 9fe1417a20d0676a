"""Short ways for the tutorials' two conversions.

Without them a workbook takes 1.75 times as long and multi-turn rows 1.3 to 1.5 times, both more
than `benchmarks/bench_data.py` allows (docs/decisions/data-rows.md). Anything else than plain texts
gets None and goes the general way (parse, then emit); tests hold both ways to the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Raw = dict[str, Any]
Shortcut = Callable[[Raw], "Raw | None"]


class Emitted:
    """An object that is ready to be written."""

    __slots__ = ("raw",)

    def __init__(self, raw: Raw) -> None:
        self.raw = raw


def find(target: str, system: str | None) -> Shortcut | None:
    """The shortcut to a format, if there is one."""
    if target == "conversation":
        return _flat_to_conversation(system)
    return _conversation_to_alpaca(system) if target == "alpaca" else None


def _flat_to_conversation(system: str | None) -> Shortcut:
    """{"input", "output"}, as a table gives it → {"conversation": [{"input", "output"}]}."""

    def shortcut(raw: Raw) -> Raw | None:
        if len(raw) != 2:
            return None
        asked, answer = raw.get("input"), raw.get("output")
        if type(asked) is not str or type(answer) is not str or not answer or answer.isspace():
            return None
        if system is None:
            return {"conversation": [{"input": asked, "output": answer}]}
        return {"conversation": [{"system": system, "input": asked, "output": answer}]}

    return shortcut


def _conversation_to_alpaca(system: str | None) -> Shortcut:
    """Turns of input and output, a system text on the first at most → alpaca with history."""

    def shortcut(raw: Raw) -> Raw | None:
        turns = raw.get("conversation")
        if type(turns) is not list or not turns or len(raw) != 1:
            return None
        own = system
        history: list[list[str]] = []
        for turn in turns:
            if type(turn) is not dict:
                return None
            asked, answer = turn.get("input"), turn.get("output")
            if type(asked) is not str or type(answer) is not str or not answer or answer.isspace():
                return None
            if len(turn) != 2:
                first = turn.get("system")
                if history or len(turn) != 3 or type(first) is not str:
                    return None
                own = first if system is None else system
            history.append([asked, answer])
        asked, answer = history.pop()
        made: Raw = {"instruction": asked, "input": "", "output": answer}
        if own is not None:
            made["system"] = own
        made["history"] = history
        return made

    return shortcut
