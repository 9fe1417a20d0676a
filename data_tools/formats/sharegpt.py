"""ShareGPT: {"conversations": [{"from", "value"}, …], "system", "tools", "images"}.

Source: LLaMA-Factory data/README. `tools` is JSON text there; a tool call's value is the JSON text
of {"name", "arguments"} (or a list of them); `<image>` marks the place of an image.
"""

from __future__ import annotations

from data_tools.errors import Reject
from data_tools.formats.common import (
    Lose,
    Raw,
    arguments,
    dump,
    extras,
    flag,
    objects,
    text,
    undump,
    word_for,
)
from data_tools.rows import IMAGE, Message, Row

NAME = "sharegpt"
COLUMNS: tuple[str, ...] = ("conversations", "system", "tools", "images")
ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "system": "system",
    "function_call": "call",
    "observation": "observation",
    "tool": "observation",
    "function_response": "observation",
}
NAMES = {"user": "human", "assistant": "gpt", "system": "system", "observation": "observation"}


def matches(raw: Raw) -> bool:
    return "image" not in raw and has_speakers(raw)


def has_speakers(raw: Raw) -> bool:
    """Does each turn say whom it is from?"""
    turns = raw.get("conversations")
    first = turns[0] if isinstance(turns, list) and turns else None
    return isinstance(first, dict) and "from" in first


def parse(raw: Raw) -> Raw:
    messages: list[Message] = []
    if raw.get("system") not in (None, ""):
        messages.append({"role": "system", "content": text(raw["system"], "system")})
    for index, turn in enumerate(objects(raw.get("conversations"), "conversations"), 1):
        messages += _turn(turn, f"turn {index}")
    keys: Raw = {"messages": messages}
    if raw.get("tools") not in (None, "", []):
        keys["tools"] = undump(raw["tools"])
    if raw.get("images"):
        keys["images"] = images(raw["images"])
        for message in messages:
            if isinstance(message.get("content"), str):
                message["content"] = message["content"].replace("<image>", IMAGE)
    if "id" in raw:
        keys["id"] = raw["id"]
    keys.update(extras(raw, ("id", "conversations", "system", "tools", "images")))
    return keys


def images(value: object) -> list[str]:
    """A list of paths; one path alone is taken as a list of one."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(item, str) and item for item in found):
        raise Reject("the images are not a list of paths")
    return found


def _turn(turn: Raw, spot: str) -> list[Message]:
    said = turn.get("from")
    role = ROLES.get(said.lower()) if isinstance(said, str) else None
    if role is None:
        name = repr(said) if isinstance(said, str) else word_for(said)
        raise Reject(f"unknown speaker {name}", spot)
    if role == "call":
        return _calls(turn.get("value"), spot)
    message: Message = {"role": role, "content": text(turn.get("value"), "value", spot)}
    if turn.get("loss") is not None:
        message["loss"] = flag(turn["loss"], spot)
    return [message]


def _calls(value: object, spot: str) -> list[Message]:
    found = undump(value)
    calls = found if isinstance(found, list) else [found]
    if not calls or not all(isinstance(c, dict) and isinstance(c.get("name"), str) for c in calls):
        raise Reject("a function_call is not JSON with a name and arguments", spot)
    return [
        {"role": "call", "name": c["name"], "arguments": arguments(c.get("arguments"), spot)}
        for c in calls
    ]


def emit(row: Row, lose: Lose) -> Raw:
    messages = row["messages"]
    if any("loss" in message for message in messages):
        lose("loss")
    images = row.get("images") or []
    system = messages[0]["content"] if messages[0]["role"] == "system" else None
    turns = [_emit_turn(m, bool(images)) for m in messages[0 if system is None else 1 :]]
    raw: Raw = {"conversations": _join_calls(turns)}
    if system is not None:
        raw["system"] = system
    if row.get("tools"):
        raw["tools"] = dump(row["tools"])
    if images:
        raw["images"] = images
    if row.source.format == NAME:
        raw.update({"id": row["id"]} if "id" in row else {}, **row.get("extra", {}))
    return raw


def _emit_turn(message: Message, has_images: bool) -> Raw:
    if message["role"] == "call":
        call = {"name": message["name"], "arguments": message["arguments"]}
        return {"from": "function_call", "value": [call]}
    content = dump(message["content"])
    value = content.replace(IMAGE, "<image>") if has_images else content
    return {"from": NAMES[message["role"]], "value": value}


def _join_calls(turns: list[Raw]) -> list[Raw]:
    """Calls that follow each other become one turn; their values become JSON text."""
    joined: list[Raw] = []
    for turn in turns:
        if joined and turn["from"] == joined[-1]["from"] == "function_call":
            joined[-1]["value"] += turn["value"]
        else:
            joined.append(turn)
    for turn in joined:
        if turn["from"] == "function_call":
            turn["value"] = dump(turn["value"] if len(turn["value"]) > 1 else turn["value"][0])
    return joined
