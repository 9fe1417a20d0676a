"""Plain text for pre-training: {"text": …}; a `.txt` file holds one text a paragraph."""

from __future__ import annotations

from data_tools.formats import common
from data_tools.formats.common import Lose, Raw, extras
from data_tools.rows import Row

NAME = "text"
COLUMNS: tuple[str, ...] = ("text",)


def matches(raw: Raw) -> bool:
    return "text" in raw


def parse(raw: Raw) -> Raw:
    found = common.text(raw.get("text"), "text")
    return {"messages": [{"role": "assistant", "content": found}], **extras(raw, COLUMNS)}


def emit(row: Row, lose: Lose) -> Raw:
    if row.get("tools") or any(m["role"] in ("call", "observation") for m in row["messages"]):
        lose("tools")
    common.no_images(row, lose)
    if any("loss" in message for message in row["messages"]):
        lose("loss")
    wanted = (m["content"] for m in row["messages"] if m["role"] in ("system", "user", "assistant"))
    extra = row.get("extra", {}) if row.source.format == NAME else {}
    return {"text": "\n".join(part for part in wanted if part), **extra}
