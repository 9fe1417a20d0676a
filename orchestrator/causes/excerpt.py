"""The lines of a log that a reader needs: the last ones that say something, and a text to post."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.base.secrets import redacted
from orchestrator.causes.lines import lines_of
from orchestrator.causes.why import Cause

_FRAMES = 24
"""Lines of a traceback worth posting: where it began is said by the last ones too."""


def last_words(log: str, count: int = 8, *, until: int | None = None) -> list[str]:
    """The last ``count`` lines of a log that say something, bars and warnings left out.

    ``until`` is the number of the line to end with: the one that shows the cause.
    """
    told = [
        line.text
        for line in lines_of(log)
        if (until is None or line.number <= until) and (not line.is_noise or line.number == until)
    ]
    return told[-count:]


def traceback_of(cause: Cause) -> list[str]:
    """The last traceback, cleaned and cut to what says where it happened."""
    frames = [line for line in cause.traceback if line.strip()]
    if len(frames) <= _FRAMES:
        return frames
    return [frames[0], "  …", *frames[-_FRAMES:]]


def to_post(cause: Cause | None, log: str, facts: dict[str, str]) -> str:
    """A text for an issue: the facts, the traceback, the last lines; no secret, no home path."""
    parts = [f"{name}: {value}" for name, value in facts.items()]
    traceback = traceback_of(cause) if cause else []
    if traceback:
        parts += ["", "```", *traceback, "```"]
    if words := last_words(log, 20):
        parts += ["", "last lines of the log:", "```", *words, "```"]
    return without_home(redacted("\n".join(parts)))


#: Where systems keep them; a log may come from another machine.
_HOMES = re.compile(r"(?:/home/|/Users/|\b[A-Za-z]:\\Users\\)[^/\\\s\"':]+|(?<![\w/~.])/root\b")


def without_home(text: str) -> str:
    """The text with home folders, this user's and any other's, written as ``~``."""
    home = str(Path.home())
    mine = re.sub(rf"(?<![\w/~.]){re.escape(home)}\b", "~", text) if len(home) > 1 else text
    return _HOMES.sub("~", mine)
