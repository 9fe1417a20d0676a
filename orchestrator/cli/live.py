"""One line on a terminal that is drawn again and again, and goes before anything else is said."""

from __future__ import annotations

import os
import shutil
import sys
import time

from orchestrator.base.text import printable
from orchestrator.cli.table import cut

_EVERY = 0.2  # seconds between two drawings


def on_terminal() -> bool:
    """Whether a line can be drawn again: a terminal that knows how to erase one."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class Live:
    """The line at the bottom, on standard error. It is never wider than the terminal."""

    def __init__(self) -> None:
        self._is_shown = False
        self._drawn = 0.0

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._drawn >= _EVERY

    def draw(self, *parts: str) -> None:
        """Show the parts, the first ones first: those that find no room are left out."""
        room = shutil.get_terminal_size().columns - 1
        self._drawn = time.monotonic()
        self._is_shown = True
        sys.stdout.flush()  # what was said before stands above the line
        sys.stderr.write(f"\r\x1b[2K{cut([_drawable(part) for part in parts if part], room)}")
        sys.stderr.flush()

    def clear(self) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
        self._is_shown, self._drawn = False, 0.0


def _drawable(text: str) -> str:
    """Nothing that would move the cursor."""
    return printable(text).replace("\n", " ").replace("\t", " ")
