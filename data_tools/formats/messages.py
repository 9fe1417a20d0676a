"""OpenAI chat: {"messages": [{"role", "content", "tool_calls", …}], "tools": […]}.

Source: OpenAI's fine-tuning guide (chat format, `weight` on assistant messages) and ms-swift
(`loss` in the same place).
"""

from __future__ import annotations

from typing import Any

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
)
from data_tools.rows import IMAGE, Message, Row

NAME = "messages"
COLUMNS: tuple[str, ...] = ("messages", "tools")
ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "observation",
    "function": "observation",
}


def matches(raw: Raw) -> bool:
    return "messages" in raw


def parse(raw: Raw) -> Raw:
    messages: list[Message] = []
    images: list[str] = []
    for index, said in enumerate(objects(raw.get("messages"), "messages"), 1):
        messages += _message(said, images, f"message {index}")
    keys: Raw = {"messages": messages}
    if raw.get("tools") not in (None, "", []):
        keys["tools"] = undump(raw["tools"])
    if images:
        keys["images"] = images
    if "id" in raw:
        keys["id"] = raw["id"]
    keys.update(extras(raw, ("id", "messages", "tools")))
    return keys


def _message(said: Raw, images: list[str], spot: str) -> list[Message]:
    role = ROLES.get(said.get("role") or "")
    if role is None:
        raise Reject(f"unknown role {said.get('role')!r}", spot)
    calls = said.get("tool_calls") or _old_call(said)
    content = _content(said.get("content"), images, spot, empty_ok=bool(calls))
    message: Message = {"role": role, "content": content}
    if role == "observation" and said.get("tool_call_id"):
        message["id"] = said["tool_call_id"]
    mark = said.get("loss", said.get("weight"))
    loss = {} if mark is None else {"loss": flag(mark, spot)}
    message.update(loss)
    found = [message] if content or not calls else []
    for call in calls or []:
        found.append({**_call(call, spot), **loss})
    return found


def _old_call(said: Raw) -> list[Raw]:
    call = said.get("function_call")
    return [{"function": call}] if call else []


def _call(call: Any, spot: str) -> Message:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Reject("a tool call has no function with a name", spot)
    message: Message = {"role": "call", "name": function["name"]}
    message["arguments"] = arguments(function.get("arguments"), spot)
    if call.get("id"):
        message["id"] = call["id"]
    return message


def _content(value: Any, images: list[str], spot: str, empty_ok: bool) -> str:
    if type(value) is list:
        return "".join(_part(part, images, spot) for part in value)
    if value is None and empty_ok:
        return ""
    return text(value, "content", spot)


def _part(part: Any, images: list[str], spot: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text":
        return text(part.get("text"), "text", spot)
    if kind == "image_url":
        url = part.get("image_url")
        images.append(text(url.get("url") if isinstance(url, dict) else url, "image_url", spot))
        return IMAGE
    raise Reject(f"unknown part {kind!r} in content", spot)


def emit(row: Row, lose: Lose) -> Raw:
    images = iter(row.get("images") or [])
    said: list[Raw] = []
    open_ids: list[str] = []
    for number, message in enumerate(row["messages"], 1):
        role = message["role"]
        if role == "call":
            _add_call(said, message, open_ids, f"call_{number}")
        elif role == "observation":
            call_id = message.get("id") or (open_ids[0] if open_ids else "")
            if call_id in open_ids:
                open_ids.remove(call_id)
            back: Raw = {"role": "tool", "content": dump(message["content"])}
            said.append({**back, **({"tool_call_id": call_id} if call_id else {})})
        else:
            content = message["content"] if "images" not in row else _parts(message, images)
            said.append({"role": role, "content": content, **_weight(message)})
    raw: Raw = {"messages": said}
    if row.get("tools"):
        raw["tools"] = undump(row["tools"])
    if row.source.format == NAME:
        raw.update({"id": row["id"]} if "id" in row else {}, **row.get("extra", {}))
    return raw


def _weight(message: Message) -> Raw:
    return {"weight": int(message["loss"])} if "loss" in message else {}


def _add_call(said: list[Raw], message: Message, open_ids: list[str], new_id: str) -> None:
    """Put the call on the assistant message before it, or on one of its own."""
    call_id = message.get("id", new_id)
    open_ids.append(call_id)
    function = {"name": message["name"], "arguments": dump(message["arguments"])}
    if not said or said[-1]["role"] != "assistant" or _weight(message) != _weight_of(said[-1]):
        said.append({"role": "assistant", "content": None, **_weight(message)})
    call = {"id": call_id, "type": "function", "function": function}
    said[-1].setdefault("tool_calls", []).append(call)


def _weight_of(said: Raw) -> Raw:
    return {"weight": said["weight"]} if "weight" in said else {}


def _parts(message: Message, images: Any) -> str | list[Raw]:
    """Text with image marks as OpenAI's content parts."""
    pieces = message["content"].split(IMAGE)
    if len(pieces) == 1:
        return str(message["content"])
    parts: list[Raw] = []
    for index, piece in enumerate(pieces):
        if index:
            url = next(images, None)
            if url is None:
                raise Reject(f"more {IMAGE} marks than images")
            parts.append({"type": "image_url", "image_url": {"url": url}})
        if piece:
            parts.append({"type": "text", "text": piece})
    return parts
