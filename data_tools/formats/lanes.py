"""A short way for the spreadsheet tutorial's rows: two cells → a conversation of one turn.

The general way (parse, then emit) takes 1.75 times as long for a workbook of 100,000 rows, more
than `benchmarks/bench_data.py` allows. Anything else than two texts gets None and goes the general
way; tests hold the two ways to the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Raw = dict[str, Any]
Lane = Callable[[Raw], "Raw | None"]


class Ready:
    """An object that is ready to be written."""

    __slots__ = ("raw",)

    def __init__(self, raw: Raw) -> None:
        self.raw = raw


def flat_to_conversation(system: str | None) -> Lane:
    """{"input", "output"}, as a table gives it → {"conversation": [{"input", "output"}]}."""

    def lane(raw: Raw) -> Raw | None:
        if len(raw) != 2:
            return None
        asked, answer = raw.get("input"), raw.get("output")
        if type(asked) is not str or type(answer) is not str or not answer or answer.isspace():
            return None
        if system is None:
            return {"conversation": [{"input": asked, "output": answer}]}
        return {"conversation": [{"system": system, "input": asked, "output": answer}]}

    return lane
