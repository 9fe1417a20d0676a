"""Text on its way to a reader: safe for any terminal, short enough for a line, listed in words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

_SPACES = frozenset("\n\t\u00a0\u3000")
_PLAIN_WORD = re.compile(r"[\w@%+=:,./-]+")


def printable(text: str) -> str:
    """Text that any terminal takes: lone surrogates and control characters are spelled out.

    Line breaks, tabs and the spaces of other scripts stay. What files say goes through here before
    it is printed.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(char if is_safe(char) else repr(char)[1:-1] for char in text)


def is_safe(char: str) -> bool:
    """Whether a terminal shows the character, instead of doing what it says."""
    return char.isprintable() or char in _SPACES


def one_line(text: str) -> str:
    """The same in one line: line breaks and runs of spaces become one space."""
    return printable(" ".join(text.split()))


def quoted(word: str) -> str:
    """A word for a shell; Chinese needs no quotes and gets none."""
    return word if _PLAIN_WORD.fullmatch(word) else shlex.quote(word)


def shown(value: object, limit: int = 60) -> str:
    """A value inside a message: one line, quoted, not too long."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def listed(words: Sequence[str], last: str = "or") -> str:
    """ "a, b or c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
