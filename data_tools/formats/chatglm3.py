"""ChatGLM3: {"tools": […], "conversations": [{"role", "content"}, …]}, with `tool` turns.

A tool turn is {"role": "tool", "name", "parameters", "observation"}; any turn may carry `loss`.
Source: ChatGLM3's finetune_chatmodel_demo (README and preprocess_utils.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_tools.errors import Reject
from data_tools.formats.common import (
    Lose,
    Raw,
    carry,
    extras,
    fields,
    objects,
    role_of,
    say_something,
    text,
)
from data_tools.rows import Message, Row

NAME = "chatglm3"
COLUMNS: tuple[str, ...] = ("tools", "conversations")
HOLDS = frozenset({"tools", "calls", "loss"})
TAGS: Mapping[str, str] = {}
TURN_KEYS = frozenset({"role", "content", "name", "parameters", "observation", "loss", "weight"})
TURN_ROLES = frozenset({"system", "user", "assistant", "call"})
ROLES = {role: role for role in ("system", "user", "assistant", "observation", "tool")}
_TALK = frozenset({"role", "content"})
_TOOL = frozenset({"role", "name", "parameters", "observation"})


def matches(raw: Raw) -> bool:
    turns = raw.get("conversations")
    first = turns[0] if isinstance(turns, list) and turns else None
    return isinstance(first, dict) and "role" in first


def parse(raw: Raw) -> Raw:
    messages: list[Message] = []
    for index, turn in enumerate(objects(raw.get("conversations"), "conversations"), 1):
        messages += _turn(turn, f"turn {index}")
    say_something(messages, "content")
    keys: Raw = {"messages": messages}
    if raw.get("tools") is not None:
        keys["tools"] = raw["tools"]
    keys.update(extras(raw, COLUMNS))
    return keys


def _turn(turn: Raw, spot: str) -> list[Message]:
    role = role_of(turn.get("role"), ROLES, "role", spot)
    if role != "tool":
        message = {"role": role, "content": text(turn.get("content"), "content", spot)}
        return [carry(turn, _TALK, message, spot)]
    if not isinstance(turn.get("parameters"), dict):
        raise Reject("a tool turn has no parameters object", spot)
    name = text(turn.get("name"), "the tool's name", spot)
    call: Message = {"role": "call", "name": name, "arguments": turn["parameters"]}
    carry(turn, _TOOL, call, spot)
    if "observation" not in turn:
        return [call]
    return [call, {"role": "observation", "content": turn["observation"]}]


def emit(row: Row, lose: Lose) -> Raw:
    raw: Raw = {"tools": row["tools"]} if "tools" in row else {}
    raw["conversations"] = _turns(row["messages"])
    return raw


def _turns(messages: list[Message]) -> list[Raw]:
    """Each observation goes back into the call it answers."""
    turns: list[tuple[Raw, Raw]] = []  # the turn, and what stands at its end
    open_calls: list[tuple[Any, Raw]] = []
    for message in messages:
        tail = {**_marks(message), **fields(message)}
        if message["role"] == "call":
            turn = {"role": "tool", "name": message["name"], "parameters": message["arguments"]}
            open_calls.append((message.get("id"), turn))
        elif message["role"] == "observation" and open_calls:
            answered = next((c for c in open_calls if c[0] == message.get("id")), open_calls[0])
            open_calls.remove(answered)
            answered[1]["observation"] = message["content"]
            continue
        else:
            turn = {"role": message["role"], "content": message["content"]}
        turns.append((turn, tail))
    return [{**turn, **tail} for turn, tail in turns]


def _marks(message: Message) -> Raw:
    return {key: message[key] for key in ("loss", "weight") if key in message}
