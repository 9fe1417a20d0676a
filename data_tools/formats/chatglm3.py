"""ChatGLM3: {"tools": […], "conversations": [{"role", "content"}, …]}, with `tool` turns.

A tool turn is {"role": "tool", "name", "parameters", "observation"}; any turn may carry `loss`.
Source: ChatGLM3's finetune_chatmodel_demo (README and preprocess_utils.py).
"""

from __future__ import annotations

from data_tools.errors import Reject
from data_tools.formats.common import Lose, Raw, extras, flag, no_images, objects, text
from data_tools.rows import Message, Row

NAME = "chatglm3"
COLUMNS: tuple[str, ...] = ("tools", "conversations")
ROLES = ("system", "user", "assistant", "observation", "tool")


def matches(raw: Raw) -> bool:
    turns = raw.get("conversations")
    first = turns[0] if isinstance(turns, list) and turns else None
    return isinstance(first, dict) and "role" in first


def parse(raw: Raw) -> Raw:
    messages: list[Message] = []
    for index, turn in enumerate(objects(raw.get("conversations"), "conversations"), 1):
        messages += _turn(turn, f"turn {index}")
    keys: Raw = {"messages": messages}
    if raw.get("tools") is not None:
        keys["tools"] = raw["tools"]
    keys.update(extras(raw, COLUMNS))
    return keys


def _turn(turn: Raw, spot: str) -> list[Message]:
    role = turn.get("role")
    if role not in ROLES:
        raise Reject(f"unknown role {role!r}", spot)
    loss: Raw = {} if turn.get("loss") is None else {"loss": flag(turn["loss"], spot)}
    if role != "tool":
        return [{"role": role, "content": text(turn.get("content"), "content", spot), **loss}]
    if not isinstance(turn.get("parameters"), dict):
        raise Reject("a tool turn has no parameters object", spot)
    name = text(turn.get("name"), "the tool's name", spot)
    call: Message = {"role": "call", "name": name, "arguments": turn["parameters"], **loss}
    if "observation" not in turn:
        return [call]
    return [call, {"role": "observation", "content": turn["observation"]}]


def emit(row: Row, lose: Lose) -> Raw:
    no_images(row, lose)
    raw: Raw = {"tools": row["tools"]} if "tools" in row else {}
    raw["conversations"] = _turns(row["messages"])
    if "extra" in row and row.source.format == NAME:
        raw.update(row["extra"])
    return raw


def _turns(messages: list[Message]) -> list[Raw]:
    """Each observation goes back into the call it answers."""
    turns: list[Raw] = []
    open_calls: list[tuple[object, Raw]] = []
    for message in messages:
        loss = {"loss": message["loss"]} if "loss" in message else {}
        if message["role"] == "call":
            turn = {"role": "tool", "name": message["name"], "parameters": message["arguments"]}
            open_calls.append((message.get("id"), turn))
            turns.append({**turn, **loss} if loss else turn)
            open_calls[-1] = (message.get("id"), turns[-1])
        elif message["role"] == "observation" and open_calls:
            answered = next((c for c in open_calls if c[0] == message.get("id")), open_calls[0])
            open_calls.remove(answered)
            answered[1]["observation"] = message["content"]
        else:
            turns.append({"role": message["role"], "content": message["content"], **loss})
    for turn in turns:
        if "loss" in turn and "observation" in turn:
            turn["loss"] = turn.pop("loss")
    return turns
