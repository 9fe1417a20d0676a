"""Plain text for pre-training: {"text": …}; a `.txt` file holds one text a paragraph."""

from __future__ import annotations

from collections.abc import Mapping

from data_tools.formats import common
from data_tools.formats.common import Lose, Raw, extras
from data_tools.rows import Row

NAME = "text"
COLUMNS: tuple[str, ...] = ("text",)
HOLDS: frozenset[str] = frozenset()
TAGS: Mapping[str, str] = {}
TURN_KEYS: frozenset[str] = frozenset()
TURN_ROLES: frozenset[str] = frozenset()


def matches(raw: Raw) -> bool:
    return "text" in raw


def parse(raw: Raw) -> Raw:
    said = common.answer(raw.get("text"), "text")
    return {"messages": [{"role": "assistant", "content": said}], **extras(raw, COLUMNS)}


def emit(row: Row, lose: Lose) -> Raw:
    wanted = (m["content"] for m in row["messages"] if m["role"] in ("system", "user", "assistant"))
    return {"text": "\n".join(part for part in wanted if part)}
