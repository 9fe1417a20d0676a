"""Alpaca: {"instruction", "input", "output", "system", "history": [[question, answer], …]}.

Read as LLaMA-Factory reads it: the question is instruction + newline + input.
Source: LLaMA-Factory data/README and `llamafactory/data/converter.py`.
"""

from __future__ import annotations

from typing import Any

from data_tools.errors import Reject
from data_tools.formats.common import Lose, Raw, extras, pairs, text, word_for
from data_tools.rows import Message, Row

NAME = "alpaca"
COLUMNS: tuple[str, ...] = ("instruction", "input", "output", "system", "history")
KNOWN = frozenset(COLUMNS)


def matches(raw: Raw) -> bool:
    return "instruction" in raw


def parse(raw: Raw) -> Raw:
    asked = text(raw.get("instruction"), "instruction")
    more = raw.get("input")
    answer = text(raw.get("output"), "output")
    messages: list[Message] = []
    if raw.get("system") is not None:
        messages.append({"role": "system", "content": text(raw["system"], "system")})
    if raw.get("history") is not None:
        messages += _history(raw["history"])
    keys: Raw = {"messages": messages}
    if more:
        keys["input"] = text(more, "input")
        asked = f"{asked}\n{more}" if asked else more
    messages.append({"role": "user", "content": asked})
    messages.append({"role": "assistant", "content": answer})
    if not KNOWN.issuperset(raw):
        keys.update(extras(raw, KNOWN))
    return keys


def _history(value: Any) -> list[Message]:
    if type(value) is not list:
        raise Reject(f"history is {word_for(value)}, not a list")
    messages: list[Message] = []
    for index, pair in enumerate(value, 1):
        if type(pair) is not list or len(pair) != 2:
            raise Reject("history holds something else than [question, answer]", f"turn {index}")
        asked = text(pair[0], "a question in history", f"turn {index}")
        answer = text(pair[1], "an answer in history", f"turn {index}")
        messages.append({"role": "user", "content": asked})
        messages.append({"role": "assistant", "content": answer})
    return messages


def emit(row: Row, lose: Lose) -> Raw:
    system, found = pairs(row, lose)
    for _, _, message in found:
        if "loss" in message:
            lose("loss")
            break
    asked, answer, _ = found[-1]
    more = row.get("input", "")
    if more and asked.endswith(more):
        head = asked[: -len(more)]
        asked, more = (head[:-1], more) if head.endswith("\n") else (asked, "")
    else:
        more = ""
    raw: Raw = {"instruction": asked, "input": more, "output": answer}
    if system is not None:
        raw["system"] = system
    if len(found) > 1 or row.source.format in _MULTI:
        raw["history"] = [[pair[0], pair[1]] for pair in found[:-1]]
    if "extra" in row and row.source.format == NAME:
        raw.update(row["extra"])
    return raw


_MULTI = frozenset({"conversation", "sharegpt", "messages", "chatglm3"})
"""Sources whose rows may have several turns: all their rows get `history`, even an empty one, so
that every row of the file has the same columns (as the EmoLLM tutorial's script does)."""
