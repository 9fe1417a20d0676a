"""The form of every entry in the table of causes, whoever owns it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from orchestrator.base.language import say

Words = tuple[str, str]
"""The same text in plain English and in plain Chinese."""

#: Where a pattern is looked for. ``error``: in exceptions, and in lines near the log's end that do
#: not call themselves a warning or an information. ``any``: in those too, all through the log.
#: ``traceback``: in an exception with the frames above it; told before what else is known of it.
Scope = Literal["error", "any", "traceback"]
SCOPES: tuple[Scope, ...] = ("error", "any", "traceback")
#: ``consequence``: something else went wrong first, and is the cause when the log shows it.
Role = Literal["cause", "consequence"]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One cause of failure and the words of a log that show it.

    ``pattern`` is a regular expression over an exception's whole text ("Type: message", of several
    lines) or over one line; its named groups may be used in ``cause`` and ``fix``. ``sample`` is
    such a line, and ``source`` says where it was seen: an issue's address, "own run: …", or the
    file that prints it (names and figures are filled in then).
    """

    id: str
    pattern: str
    cause: Words
    fix: Words
    sample: str
    source: str
    scope: Scope = "error"
    role: Role = "cause"
    certain: bool = True
    """Whether the words leave no other cause; what is usual only is told as probable."""

    def match(self, text: str) -> re.Match[str] | None:
        return re.search(self.pattern, text, re.MULTILINE)

    def told(self, match: re.Match[str]) -> tuple[str, str]:
        """The cause and the fix of this match, in the reader's language."""
        details = {name: (value or "").strip() for name, value in match.groupdict().items()}
        return _filled(self.cause, details), _filled(self.fix, details)


def _filled(words: Words, details: Mapping[str, str]) -> str:
    return say(*words).format_map(details)
