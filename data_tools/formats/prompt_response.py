"""One question, one answer: {"prompt", "response"}, and the names that others give to the two.

Written as prompt and response, which is what ChatGLM3's `input-output` training reads.
"""

from __future__ import annotations

from data_tools.formats.common import Lose, Raw, extras, pairs, text
from data_tools.rows import Message, Row

NAME = "prompt-response"
COLUMNS: tuple[str, ...] = ("prompt", "response")
NAMES = (
    ("prompt", "response"),
    ("prompt", "completion"),
    ("query", "response"),
    ("question", "answer"),
    ("content", "summary"),
)


def matches(raw: Raw) -> bool:
    return any(asked in raw and answer in raw for asked, answer in NAMES)


def parse(raw: Raw) -> Raw:
    asked, answer = next((pair for pair in NAMES if pair[0] in raw and pair[1] in raw), NAMES[0])
    messages: list[Message] = []
    if raw.get("system") is not None:
        messages.append({"role": "system", "content": text(raw["system"], "system")})
    messages.append({"role": "user", "content": text(raw.get(asked), asked)})
    messages.append({"role": "assistant", "content": text(raw.get(answer), answer)})
    return {"messages": messages, **extras(raw, (asked, answer, "system"))}


def emit(row: Row, lose: Lose) -> Raw:
    system, found = pairs(row, lose)
    if system is not None:
        lose("system")
    if any("loss" in message for _, _, message in found):
        lose("loss")
    if len(found) > 1:
        lose("turns")
    extra = row.get("extra", {}) if row.source.format == NAME else {}
    return {"prompt": found[0][0], "response": found[0][1], **extra}
