"""What all formats share: type checks with words, and the two-sided view of a row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from data_tools.errors import Reject
from data_tools.rows import Message, Row

Raw = dict[str, Any]
Lose = Callable[[str], None]
"""Called with what the target cannot hold: tools, images, loss, turns, system. Raises `Lossy`
unless the caller allowed it to be dropped."""

WORDS = {
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    list: "a list",
    dict: "an object",
}


class Format(Protocol):
    """A module of this package: how one format is recognised, read and written."""

    NAME: str
    COLUMNS: tuple[str, ...]  # the order of columns in a table

    def matches(self, raw: Raw) -> bool:
        """Does this object look like a row of the format?"""

    def parse(self, raw: Raw) -> Raw:
        """The keys of a `Row`; raises Reject."""

    def emit(self, row: Row, lose: Lose) -> Raw:
        """The object to write; raises Reject, or what `lose` raises."""


class Lossy(Reject):
    """The target format cannot hold something of this row."""

    def __init__(self, feature: str, target: str) -> None:
        super().__init__(f"{target} cannot hold {feature}")
        self.feature = feature


def word_for(value: Any) -> str:
    """'a number', 'null', …"""
    return WORDS.get(type(value), type(value).__name__)


def text(value: Any, name: str, spot: str = "") -> str:
    """The value, if it is text; else Reject says what it is."""
    if type(value) is str:
        return value
    if value is None:
        raise Reject(f"{name} is missing or empty", spot)
    raise Reject(f"{name} is {word_for(value)}, not text", spot)


def objects(value: Any, name: str) -> list[Raw]:
    """The value, if it is a list of objects with at least one entry."""
    if type(value) is not list:
        raise Reject(f"{name} is {word_for(value)}, not a list")
    if not value:
        raise Reject(f"{name} is empty")
    for index, item in enumerate(value, 1):
        if type(item) is not dict:
            raise Reject(f"{name} holds {word_for(item)} where an object belongs", f"turn {index}")
    return value


def extras(raw: Raw, known: Iterable[str]) -> Raw:
    """{'extra': …} with the top-level keys that the format does not know, or nothing."""
    rest = {key: raw[key] for key in raw.keys() - set(known)}
    return {"extra": {key: raw[key] for key in raw if key in rest}} if rest else {}


def flag(value: Any, spot: str) -> bool:
    """A loss flag: true, false, 0, 1 or the words."""
    if value in (True, False):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise Reject("a loss flag is neither true nor false", spot)


def dump(value: Any) -> str:
    """JSON text as the engines' own scripts write it (Chinese stays readable)."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def undump(value: Any) -> Any:
    """The JSON value in a text, or the text itself when it is not JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def arguments(value: Any, spot: str) -> Raw:
    """A tool call's arguments as an object; they often stand as JSON text."""
    found = undump(value)
    if found is None or found == "":
        return {}
    if type(found) is not dict:
        raise Reject("a tool call's arguments are not an object", spot)
    return found


def no_images(row: Row, lose: Lose) -> None:
    """Ask for leave to drop images, if there are any."""
    if row.get("images"):
        lose("images")


Pair = tuple[str, str, Message]
"""user text, assistant text, the assistant's message"""


def pairs(row: Row, lose: Lose) -> tuple[str | None, list[Pair]]:
    """(system text, pairs) for the formats that hold one question and one answer a turn.

    An assistant message that follows no user message gets an empty question, as XTuner's own
    mapping does.
    """
    system: str | None = None
    asked: str | None = None
    found: list[Pair] = []
    lost_tools = bool(row.get("tools"))
    joins = False
    for message in row["messages"]:
        role = message["role"]
        if role == "user":
            if asked is not None:
                raise Reject("two user messages follow each other")
            asked = message["content"]
        elif role == "assistant":
            if joins and asked is None and found:
                before = found.pop()
                found.append((before[0], before[1] + "\n" + message["content"], before[2]))
            else:
                found.append((asked or "", message["content"], message))
            asked, joins = None, False
        elif role == "system":
            if system is None and not found and asked is None:
                system = message["content"]
            elif message["content"] != system:
                lose("system")
        else:
            lost_tools = joins = True
    if lost_tools:
        lose("tools")
    if row.get("images"):
        lose("images")
    if asked is not None:
        lose("turns")
    if not found:
        raise Reject("there is no answer in this row")
    return system, found
