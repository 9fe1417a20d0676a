"""One question, one answer: {"prompt", "response"}, and the names that others give to the two.

TRL's {"prompt", "completion", "label"} for KTO and ms-swift's {"system", "query", "response",
"history", "images"} are read too. Written as prompt and response, which is what ChatGLM3's
`input-output` training reads.
"""

from __future__ import annotations

from collections.abc import Mapping

from data_tools.formats import media
from data_tools.formats.common import (
    Lose,
    Raw,
    answer,
    extras,
    history,
    known_verdict,
    pairs,
    text,
    tools_of,
    verdicts,
)
from data_tools.rows import Message, Row

NAME = "prompt-response"
COLUMNS: tuple[str, ...] = ("prompt", "response", "kto_tag")
HOLDS = frozenset({"kto_tag"})
TAGS: Mapping[str, str] = {}
TURN_KEYS: frozenset[str] = frozenset()
TURN_ROLES: frozenset[str] = frozenset()
NAMES = (
    ("prompt", "response"),
    ("prompt", "completion"),
    ("query", "response"),
    ("question", "answer"),
    ("content", "summary"),
)
_SWIFT = ("system", "history", "tools", "images", "videos", "audios", "rejected_response")


def matches(raw: Raw) -> bool:
    return any(asked in raw and said in raw for asked, said in NAMES)


def parse(raw: Raw) -> Raw:
    asked, said = max(NAMES, key=lambda pair: (pair[0] in raw) + (pair[1] in raw))
    messages: list[Message] = []
    if raw.get("system") is not None:
        messages.append({"role": "system", "content": text(raw["system"], "system")})
    if raw.get("history") is not None:
        messages += history(raw["history"])
    messages.append({"role": "user", "content": text(raw.get(asked), asked)})
    messages.append({"role": "assistant", "content": answer(raw.get(said), said)})
    keys: Raw = {"messages": messages}
    if len(raw) > 2:
        if raw.get("rejected_response") is not None:
            other = answer(raw["rejected_response"], "rejected_response")
            keys["rejected"] = [{"role": "assistant", "content": other}]
        verdicts(raw, keys)
        keys.update(tools_of(raw))
        media.take(raw, keys)
        keys.update(extras(raw, {asked, said, *_SWIFT, *known_verdict(raw)}))
    return keys


def emit(row: Row, lose: Lose) -> Raw:
    system, found = pairs(row, lose)
    if system is not None:
        lose("system")
    if len(found) > 1:
        lose("turns")
    raw: Raw = {"prompt": found[0][0], "response": found[0][1]}
    return {**raw, "kto_tag": row["kto_tag"]} if "kto_tag" in row else raw
