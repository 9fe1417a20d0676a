"""Aligned columns, and text in as many lines as the terminal's width needs."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Sequence


def terminal_width() -> int | None:
    """Cells in a line: COLUMNS, else the terminal's own; None when a program reads the output."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):  # a pipe or a file
        return None


def columns(rows: Sequence[tuple[str, ...]], limit: int = 60) -> list[str]:
    """Rows with aligned columns. A cell wider than ``limit`` cells pushes only its own row."""
    widths = [max(min(width(cell), limit) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(map(_padded, row, widths)).rstrip() for row in rows]


def wrapped(text: str, room: int, indent: str) -> list[str]:
    """``text`` in lines of at most ``room`` cells, broken between words where that is possible.

    A longer word stays whole, so that it can be copied.
    """
    lines: list[str] = []
    for word in text.split():
        if lines and width(lines[-1]) + 1 + width(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(indent + word)
    return lines


def cut(parts: Sequence[str], room: int, between: str = "  ") -> str:
    """As many of ``parts``, joined, as fit into ``room`` cells; the first one is cut if it must."""
    line = ""
    for part in parts:
        longer = f"{line}{between}{part}" if line else part
        if width(longer) > room:
            break
        line = longer
    return line or shortened(parts[0] if parts else "", room)


def shortened(text: str, room: int) -> str:
    """``text`` in at most ``room`` cells, with an ellipsis where something is missing."""
    if width(text) <= room:
        return text
    kept, cells = "", 1
    for char in text:
        cells += width(char)
        if cells > room:
            break
        kept += char
    return f"{kept}…" if room > 0 else ""


def width(text: str) -> int:
    """Cells on a terminal: Chinese characters take two."""
    if text.isascii():
        return len(text)
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def _padded(cell: str, room: int) -> str:
    return cell + " " * (room - width(cell))
