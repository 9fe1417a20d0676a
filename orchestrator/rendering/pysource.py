"""Values to readable Python source, for engines whose config is a Python file.

Only an engine module can make a :class:`Name` (an identifier printed bare). Whatever comes from a
recipe is a plain value and goes through ``repr``, so a quote, a newline or ``{{ }}`` in a recipe
can never become code.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from orchestrator.base.language import say

_WIDTH = 88


class Name(str):
    """A dotted identifier, or a short expression over such, written by an engine module."""

    __slots__ = ()


def is_identifier(text: str) -> bool:
    """Whether Python reads ``text`` as this very name: beyond ASCII it would normalise it."""
    return text.isascii() and text.isidentifier() and not keyword.iskeyword(text)


def to_source(value: Any, *, column: int = 0, indent: int = 0) -> str:
    """``value`` as Python source; ``column`` is where it starts, ``indent`` its line's indent.

    Supports None, bool, int, float, str, :class:`Name`, lists, tuples and string-keyed mappings.
    Raises TypeError for anything else, and ValueError for a number Python cannot write.
    """
    if isinstance(value, Mapping):
        return _container(*_mapping_parts(value), column=column, indent=indent)
    if isinstance(value, (list, tuple)):
        brackets = ("[", "]") if isinstance(value, list) else ("(", ")")
        items = [("", item) for item in value]
        return _container(*brackets, items, column=column, indent=indent, one=len(value) == 1)
    return _atom(value)


def _atom(value: Any) -> str:
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(
            say(
                f"{value!r} cannot be written as a Python number", f"{value!r} 不能写成 Python 数字"
            )
        )
    if type(value) is float:
        return _float(value)
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    kind = type(value).__name__
    raise TypeError(
        say(f"a {kind} cannot be written as Python source", f"{kind} 不能写成 Python 源码")
    )


def _text(value: str) -> str:
    """In double quotes, as formatters write it; with a double quote in it, as ``repr`` does."""
    plain = repr(value)
    return plain if '"' in plain else f'"{plain[1:-1]}"'


def _float(value: float) -> str:
    """2e-4 rather than 0.0002: the shortest of the two that gives the same number."""
    plain = repr(value)
    if "e" not in plain and not 0 < abs(value) < 1e-3:
        return plain
    digits, _, exponent = format(Decimal(plain).normalize(), "e").partition("e")
    return f"{digits}e{int(exponent)}"


def _mapping_parts(value: Mapping[str, Any]) -> tuple[str, str, list[tuple[str, Any]]]:
    if all(isinstance(key, str) and is_identifier(key) for key in value):
        return "dict(", ")", [(f"{key}=", item) for key, item in value.items()]
    return "{", "}", [(f"{key!r}: ", item) for key, item in value.items()]


def _container(
    opening: str,
    closing: str,
    items: list[tuple[str, Any]],
    *,
    column: int,
    indent: int,
    one: bool = False,
) -> str:
    flat = ", ".join(head + to_source(item) for head, item in items)
    comma = "," if one and opening == "(" else ""
    single = f"{opening}{flat}{comma}{closing}"
    if "\n" not in single and column + len(single) <= _WIDTH:
        return single
    if not items:
        return opening + closing
    inner = indent + 4
    lines = [
        " " * inner + head + to_source(item, column=inner + len(head), indent=inner) + ","
        for head, item in items
    ]
    return "\n".join([opening, *lines, " " * indent + closing])
