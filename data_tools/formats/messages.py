"""OpenAI chat: {"messages": [{"role", "content", "tool_calls", …}], "tools": […]}.

Source: OpenAI's fine-tuning guide (chat format, `weight` on assistant messages), ms-swift (`loss`
in the same place, `images` and `rejected_response` beside the messages) and LLaMA-Factory's README
(`chosen` and `rejected` as messages, `kto_tag` or `label`). Media are read from content parts or
from lists beside the messages, and written as the latter, which these two engines read.
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
    arguments,
    carry,
    dump,
    extras,
    fields,
    known_verdict,
    objects,
    preference,
    question_and_chosen,
    role_of,
    say_something,
    text,
    tools_of,
    verdicts,
    word_for,
)
from data_tools.rows import MARKS, Message, Row

NAME = "messages"
COLUMNS: tuple[str, ...] = (
    *("messages", "chosen", "rejected", "kto_tag", "tools", "images", "videos", "audios"),
)
HOLDS = frozenset(
    {"tools", "calls", "preference", "kto_tag", "loss", "weight", "name", "reasoning_content"}
)
TAGS: Mapping[str, str] = ALL_TAGS
_TURN = frozenset({"role", "content", "tool_calls", "function_call", "tool_call_id"})
TURN_KEYS = _TURN | {"loss", "weight"}
_KEYS = _TURN | MARKS.keys()
TURN_ROLES = frozenset({"system", "user", "assistant", "call", "observation"})
ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "observation",
    "function": "observation",
}
_PARTS = {"image_url": "images", "image": "images", "video_url": "videos", "video": "videos"}
_PARTS |= {"audio_url": "audios", "audio": "audios"}
_KNOWN = frozenset({"id", "rejected_response", *COLUMNS})
Media = dict[str, list[str]]


def matches(raw: Raw) -> bool:
    return "messages" in raw


def parse(raw: Raw) -> Raw:
    messages: list[Message] = []
    found: Media = {}
    for index, turn in enumerate(objects(raw.get("messages"), "messages"), 1):
        messages += _message(turn, found, f"message {index}")
    say_something(messages, "content", "message")
    keys: Raw = {"messages": messages}
    preference(raw, keys, lambda value, name: _answer(value, name, found))
    if raw.get("rejected_response") is not None:
        if "rejected" in keys or messages[-1]["role"] != "assistant":
            raise Reject("rejected_response belongs to an answer at the end of the messages")
        keys["rejected"] = _answer(raw["rejected_response"], "rejected_response", found)
    verdicts(raw, keys)
    keys.update(tools_of(raw), **found)
    media.take(raw, keys)
    if "id" in raw:
        keys["id"] = raw["id"]
    keys.update(extras(raw, _KNOWN.union(known_verdict(raw))))
    return keys


def _answer(value: Any, name: str, found: Media) -> list[Message]:
    """`chosen` or `rejected`: a text, a message, or a list of messages that the assistant says."""
    if isinstance(value, str):
        return [{"role": "assistant", "content": answer(value, name)}]
    messages = []
    for turn in objects(value if isinstance(value, list) else [value], name):
        messages += _message(turn, found, name)
    if any(message["role"] not in ("assistant", "call") for message in messages):
        raise Reject("an answer that the assistant does not give", name)
    say_something(messages, "content", name)
    return messages


def _message(turn: Raw, found: Media, spot: str) -> list[Message]:
    role = role_of(turn.get("role"), ROLES, "role", spot)
    calls = turn.get("tool_calls") or _old_call(turn)
    content = _content(turn.get("content"), found, spot, empty_ok=bool(calls))
    message: Message = {"role": role, "content": content}
    _beside(turn, message, found, spot)
    if role == "observation" and turn.get("tool_call_id"):
        message["id"] = text(turn["tool_call_id"], "tool_call_id", spot)
    elif turn.get("tool_call_id") is not None and role != "observation":
        raise Reject("a tool_call_id on a message that is no tool's", spot)
    if not calls:
        return [carry(turn, _KEYS, message, spot)]
    if type(calls) is not list or role != "assistant":
        raise Reject("tool_calls are not a list on an assistant message", spot)
    parsed = [_call(call, spot) for call in calls]
    first = message if content else parsed[0]
    carry({key: value for key, value in turn.items() if key != "name"}, _KEYS, first, spot)
    for call in parsed if "loss" in first else ():
        call["loss"] = first["loss"]
    if turn.get("name") is not None:
        raise Reject("a name on a message with tool calls is not carried", spot)
    return [message, *parsed] if content else parsed


def _beside(turn: Raw, message: Message, found: Media, spot: str) -> None:
    """The media of one message that stand beside its content."""
    for kind, tag in TAGS.items():
        if turn.get(kind) in (None, "", []):
            continue
        if MARKS[kind] in message["content"]:
            raise Reject(f"{kind} stand both in a content and beside it", spot)
        own: Raw = {"messages": [message], kind: media.paths(turn[kind], kind)}
        media.place(own, kind, tag)
        found.setdefault(kind, []).extend(own[kind])


def _old_call(turn: Raw) -> list[Raw]:
    call = turn.get("function_call")
    return [{"function": call}] if call else []


def _call(call: Any, spot: str) -> Message:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Reject("a tool call has no function with a name", spot)
    odd = (set(call) - {"id", "type", "function"}) | (set(function) - {"name", "arguments"})
    if odd:
        raise Reject(f"a tool call has a field that is not carried: {sorted(odd)[0]}", spot)
    message: Message = {"role": "call", "name": function["name"]}
    message["arguments"] = arguments(function.get("arguments"), spot)
    if call.get("id"):
        message["id"] = text(call["id"], "a tool call's id", spot)
    return message


def _content(value: Any, found: Media, spot: str, empty_ok: bool) -> str:
    if type(value) is list:
        return "".join(_part(part, found, spot) for part in value)
    if value is None and empty_ok:
        return ""
    return text(value, "content", spot)


def _part(part: Any, found: Media, spot: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text" and part.keys() <= {"type", "text"}:
        return text(part.get("text"), "text", spot)
    media_kind = _PARTS.get(kind) if isinstance(kind, str) else None
    if media_kind is None or not isinstance(kind, str):
        said = repr(kind) if isinstance(kind, str) else word_for(kind)
        raise Reject(f"unknown part {said} in content", spot)
    value = part.get(kind)
    url = value.get("url") if isinstance(value, dict) else value
    whole = not isinstance(value, dict) or value.keys() <= {"url"}
    if not whole or not part.keys() <= {"type", kind}:
        raise Reject(f"a part {kind!r} has fields that are not carried", spot)
    found.setdefault(media_kind, []).append(answer(url, kind, spot))
    return MARKS[media_kind]


def emit(row: Row, lose: Lose) -> Raw:
    raw: Raw = {}
    if "rejected" in row:
        asked, chosen = question_and_chosen(row)
        raw["messages"] = _said(asked)
        raw["chosen"] = _one(_said(chosen))
        raw["rejected"] = _one(_said(row["rejected"]))
    else:
        raw["messages"] = _said(row["messages"])
    if "kto_tag" in row:
        raw["kto_tag"] = row["kto_tag"]
    if "tools" in row:
        raw["tools"] = row["tools"]
    return {**raw, **media.of(row)}


def _one(said: list[Raw]) -> Raw:
    if len(said) != 1:
        raise Reject("an answer of a preference pair is not one message")
    return said[0]


def _said(messages: list[Message]) -> list[Raw]:
    said: list[Raw] = []
    open_ids: list[str] = []
    for number, message in enumerate(messages, 1):
        role = message["role"]
        rest = {**_weight(message), **fields(message)}
        if role == "call":
            _add_call(said, message, rest, open_ids, f"call_{number}")
        elif role == "observation":
            call_id = message.get("id") or (open_ids[0] if open_ids else "")
            if call_id in open_ids:
                open_ids.remove(call_id)
            back: Raw = {"role": "tool", "content": dump(message["content"])}
            said.append({**back, **({"tool_call_id": call_id} if call_id else {}), **rest})
        else:
            said.append({"role": role, "content": message["content"], **rest})
    return said


def _weight(message: Message) -> Raw:
    if "weight" in message:
        return {"weight": message["weight"]}
    return {"weight": int(message["loss"])} if "loss" in message else {}


def _add_call(
    said: list[Raw], message: Message, rest: Raw, open_ids: list[str], new_id: str
) -> None:
    """Put the call on the assistant message before it, or on one of its own."""
    call_id = message.get("id", new_id)
    open_ids.append(call_id)
    function = {"name": message["name"], "arguments": dump(message["arguments"])}
    before = said[-1] if said else {}
    joins = before.get("role") == "assistant" and before.get("weight") == rest.get("weight")
    if not joins or rest.keys() - {"weight"}:
        said.append({"role": "assistant", "content": None, **rest})
    call = {"id": call_id, "type": "function", "function": function}
    said[-1].setdefault("tool_calls", []).append(call)
