"""Alpaca: {"instruction", "input", "output", "system", "history": [[question, answer], …]}.

Read as LLaMA-Factory reads it: the question is instruction + newline + input; a preference pair has
`chosen` and `rejected` instead of `output`, a row for KTO has `kto_tag`, and `images`, `videos` and
`audios` have their places marked in the texts.
Source: LLaMA-Factory data/README and `llamafactory/data/converter.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_tools.errors import Reject
from data_tools.formats import media
from data_tools.formats.common import TAGS as ALL_TAGS
from data_tools.formats.common import (
    Lose,
    Raw,
    answer,
    dump,
    extras,
    history,
    known_verdict,
    pairs,
    preference,
    text,
    tools_of,
    verdicts,
)
from data_tools.rows import Message, Row

NAME = "alpaca"
COLUMNS: tuple[str, ...] = (
    *("instruction", "input", "output", "chosen", "rejected", "kto_tag", "system", "history"),
    *("tools", "images", "videos", "audios"),
)
KNOWN = frozenset(COLUMNS)
PLAIN = frozenset({"instruction", "input", "output", "system", "history"})
HOLDS = frozenset({"tools", "preference", "kto_tag"})
TAGS: Mapping[str, str] = ALL_TAGS
TURN_KEYS: frozenset[str] = frozenset()
TURN_ROLES: frozenset[str] = frozenset()


def matches(raw: Raw) -> bool:
    return "instruction" in raw


def parse(raw: Raw) -> Raw:
    asked = text(raw.get("instruction"), "instruction")
    messages: list[Message] = []
    if raw.get("system") is not None:
        messages.append({"role": "system", "content": text(raw["system"], "system")})
    if raw.get("history") is not None:
        messages += history(raw["history"])
    keys: Raw = {"messages": messages}
    more = raw.get("input")
    if more is not None and more != "":
        keys["input"] = text(more, "input")
        asked = f"{asked}\n{more}" if asked else more
    messages.append({"role": "user", "content": asked})
    if PLAIN.issuperset(raw):
        messages.append({"role": "assistant", "content": answer(raw.get("output"), "output")})
        return keys
    return _rich(raw, keys)


def _rich(raw: Raw, keys: Raw) -> Raw:
    preference(raw, keys, _answer)
    if "rejected" not in keys:
        keys["messages"] += _answer(raw.get("output"), "output")
    elif raw.get("output") not in (None, "", raw["chosen"]):
        raise Reject("an output that is not the chosen answer stands beside chosen and rejected")
    verdicts(raw, keys)
    keys.update(tools_of(raw))
    media.take(raw, keys)
    keys.update(extras(raw, KNOWN.union(known_verdict(raw))))
    return keys


def _answer(value: Any, name: str) -> list[Message]:
    return [{"role": "assistant", "content": answer(value, name)}]


def emit(row: Row, lose: Lose) -> Raw:
    system, found = pairs(row, lose)
    asked, said, _ = found[-1]
    more = row.get("input", "")
    if more and asked.endswith(more):
        head = asked[: -len(more)]
        asked, more = (head[:-1], more) if head.endswith("\n") else (asked, "")
    else:
        more = ""
    raw: Raw = {"instruction": asked, "input": more}
    if "rejected" in row:
        raw.update(chosen=said, rejected=row["rejected"][-1]["content"])
    else:
        raw["output"] = said
    if "kto_tag" in row:
        raw["kto_tag"] = row["kto_tag"]
    if system is not None:
        raw["system"] = system
    if len(found) > 1 or row.source.format in _MULTI:
        raw["history"] = [[pair[0], pair[1]] for pair in found[:-1]]
    if "tools" in row:
        raw["tools"] = dump(row["tools"])
    return {**raw, **media.of(row)}


_MULTI = frozenset({"conversation", "sharegpt", "messages", "chatglm3"})
"""Sources whose rows may have several turns: all their rows get `history`, even an empty one, so
that every row of the file has the same columns (as the EmoLLM tutorial's script does)."""
