"""What a recipe, a run or a data set may be called: a name that is one folder, and only that."""

from __future__ import annotations

import re

from orchestrator.base.language import say

_NAME = re.compile(r"\w[\w.-]*")
_LONGEST = 200  # bytes; a disk takes 255, and endings are added


def is_name(text: str) -> bool:
    """Whether ``text`` can name a folder of runs: it neither leaves it nor needs quotes.

    Letters of any script, digits, dots, dashes and underscores; no dot or dash in front.
    """
    return _NAME.fullmatch(text) is not None and len(text.encode("utf-8", "replace")) <= _LONGEST


def name_rule() -> str:
    """The rule in words."""
    return say(
        "a name has letters, digits, dots, dashes and underscores, and begins with none of . and -",
        "名称只能由字母、数字、点、连字符和下划线组成，且不能以点或连字符开头",
    )


def as_name(text: str) -> str:
    """The nearest text that can be a name."""
    return re.sub(r"[^\w.-]+", "-", text).strip(".-")[:60].rstrip(".-") or "recipe"
