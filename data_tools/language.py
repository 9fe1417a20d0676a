"""Plain English, or plain Chinese for whoever's locale is Chinese. Both stand side by side.

RECIPE_LANG (en or zh) decides, then LC_ALL, LC_MESSAGES and LANG. What a program reads (``--json``,
``run.json``'s states, stage names) is never translated.
"""

from __future__ import annotations

import functools
import os

_VARIABLES = ("RECIPE_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


@functools.cache
def is_chinese() -> bool:
    """Whether messages are printed in Chinese. Asked once a process."""
    said = next((os.environ[name] for name in _VARIABLES if os.environ.get(name)), "")
    return said.lower().startswith("zh")


def say(english: str, chinese: str) -> str:
    """The text in the reader's language."""
    return chinese if is_chinese() else english
