"""ShareGPT: {"conversations": [{"from", "value"}, …], "system", "tools", "images"}.

Source: LLaMA-Factory data/README. `tools` is JSON text there; a tool call's value is the JSON text
of {"name", "arguments"} (or a list of them); `<image>` marks the place of an image. A preference
pair has `chosen` and `rejected`, each one turn; a row for KTO has `kto_tag`.
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
    undump,
    verdicts,
)
from data_tools.rows import Message, Row

NAME = "sharegpt"
COLUMNS: tuple[str, ...] = (
    *("conversations", "chosen", "rejected", "kto_tag", "system", "tools"),
    *("images", "videos", "audios"),
)
HOLDS = frozenset({"tools", "calls", "preference", "kto_tag"})
TAGS: Mapping[str, str] = ALL_TAGS
TURN_KEYS = frozenset({"from", "value", "loss", "weight"})
TURN_ROLES = frozenset({"user", "assistant", "call", "observation"})
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
_TURN = frozenset({"from", "value"})


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
    skip = len(messages)
    for index, turn in enumerate(objects(raw.get("conversations"), "conversations"), 1):
        messages += _turn(turn, f"turn {index}")
    say_something(messages[skip:], "value")
    keys: Raw = {"messages": messages}
    preference(raw, keys, _answer)
    verdicts(raw, keys)
    keys.update(tools_of(raw))
    media.take(raw, keys)
    if "id" in raw:
        keys["id"] = raw["id"]
    keys.update(extras(raw, {"id", *COLUMNS, *known_verdict(raw)}))
    return keys


def _answer(value: Any, name: str) -> list[Message]:
    """The turn of `chosen` or `rejected`, which some data sets give as a bare text."""
    turn = {"from": "gpt", "value": value} if isinstance(value, str) else value
    if not isinstance(turn, dict):
        raise Reject(f"{name} is no turn with from and value")
    messages = _turn(turn, name)
    if messages[0]["role"] not in ("assistant", "call"):
        raise Reject("an answer that the assistant does not give", name)
    say_something(messages, "value", name)
    return messages


def _turn(turn: Raw, spot: str) -> list[Message]:
    said = turn.get("from")
    role = role_of(said.lower() if isinstance(said, str) else said, ROLES, "speaker", spot)
    if role == "call":
        calls = _calls(turn.get("value"), spot)
        carry(turn, _TURN, calls[0], spot)
        for call in calls[1:] if "loss" in calls[0] else ():
            call["loss"] = calls[0]["loss"]
        return calls
    message: Message = {"role": role, "content": text(turn.get("value"), "value", spot)}
    return [carry(turn, _TURN, message, spot)]


def _calls(value: object, spot: str) -> list[Message]:
    given = undump(value)
    calls = given if isinstance(given, list) else [given]
    if not calls or not all(isinstance(c, dict) and isinstance(c.get("name"), str) for c in calls):
        raise Reject("a function_call is not JSON with a name and arguments", spot)
    if odd := {key for call in calls for key in call} - {"name", "arguments"}:
        raise Reject(f"a function_call has a field that is not carried: {sorted(odd)[0]}", spot)
    return [
        {"role": "call", "name": c["name"], "arguments": arguments(c.get("arguments"), spot)}
        for c in calls
    ]


def emit(row: Row, lose: Lose) -> Raw:
    chosen: list[Message] = []
    messages = row["messages"]
    if "rejected" in row:
        messages, chosen = question_and_chosen(row)
    system = messages[0]["content"] if messages and messages[0]["role"] == "system" else None
    turns = _turns(messages[0 if system is None else 1 :])
    if not turns:
        raise Reject("there is no turn in this row")
    raw: Raw = {"conversations": turns}
    if "rejected" in row:
        raw.update(chosen=_turns(chosen)[0], rejected=_turns(row["rejected"])[0])
    if "kto_tag" in row:
        raw["kto_tag"] = row["kto_tag"]
    if system is not None:
        raw["system"] = system
    if "tools" in row:
        raw["tools"] = dump(row["tools"])
    return {**raw, **media.of(row)}


def _turns(messages: list[Message]) -> list[Raw]:
    """Calls that follow each other become one turn, unless the later one has fields of its own.

    There is no place for the ids of calls: an answer belongs to the first call without one.
    """
    turns: list[Raw] = []
    calls: list[Raw] = []
    open_ids: list[Any] = []
    for message in messages:
        rest = _rest(message)
        if message["role"] == "call":
            open_ids.append(message.get("id"))
            call = {"name": message["name"], "arguments": message["arguments"]}
            calls = [*calls, call] if calls and not set(rest) - {"loss"} else [call]
            if len(calls) > 1:
                turns[-1]["value"] = dump(calls)
            else:
                turns.append({"from": "function_call", "value": dump(call), **rest})
            continue
        calls = []
        if message["role"] == "observation" and open_ids:
            _check_order(message, open_ids.pop(0))
        turn = {"from": NAMES[message["role"]], "value": dump(message["content"])}
        turns.append({**turn, **rest})
    return turns


def _check_order(observation: Message, call_id: Any) -> None:
    if observation.get("id") not in (None, call_id):
        raise Reject("tools answer in another order than they were called")


def _rest(message: Message) -> Raw:
    marks: Raw = {key: message[key] for key in ("loss", "weight") if key in message}
    return {**marks, **fields(message)}
