"""What all formats share: type checks with words, and the fields of turns."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import orjson

from data_tools.errors import Reject
from data_tools.rows import Message, Row

Raw = dict[str, Any]
Lose = Callable[[str], None]
"""Called with the name of what the target cannot hold."""

WORDS = {
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    list: "a list",
    dict: "an object",
}
NAMED = ("name", "reasoning_content")
"""Fields of a message that the row model knows beside its role, text and loss."""
TAGS: Mapping[str, str] = {"images": "<image>", "videos": "<video>", "audios": "<audio>"}
"""The places of media in a text, as LLaMA-Factory and ms-swift write them."""


class Format(Protocol):
    """A module of this package: how one format is recognised, read and written."""

    NAME: str
    COLUMNS: tuple[str, ...]  # its own keys, in the order of columns in a table
    HOLDS: frozenset[str]
    """Which of these it has a place for: tools, calls, preference, kto_tag, loss, weight, name,
    reasoning_content."""
    TAGS: Mapping[str, str]
    """Which media it has a place for, and how a text marks their places."""
    TURN_KEYS: frozenset[str]
    """The keys of a turn that have a meaning; other fields cannot take these names."""
    TURN_ROLES: frozenset[str]
    """The roles whose messages have a place for fields that the format does not name."""

    def matches(self, raw: Raw) -> bool:
        """Does this object look like a row of the format?"""

    def parse(self, raw: Raw) -> Raw:
        """The keys of a `Row`; raises Reject."""

    def emit(self, row: Row, lose: Lose) -> Raw:
        """The object to write; raises Reject. `lose` is for what only a look at the whole row
        shows: `turns` and `system`."""


def word_for(value: Any) -> str:
    """'a number', 'null', …"""
    return WORDS.get(type(value), type(value).__name__)


def text(value: Any, name: str, spot: str = "") -> str:
    """The value, if it is text; else Reject says what it is."""
    if type(value) is str:
        return value
    if value is None:
        raise Reject(f"{name} is empty", spot)
    raise Reject(f"{name} is {word_for(value)}, not text", spot)


def answer(value: Any, name: str, spot: str = "") -> str:
    """A text that is learnt: it must say something."""
    if type(value) is str and value and not value.isspace():
        return value
    if type(value) is str:
        raise Reject(f"{name} is empty", spot)
    return text(value, name, spot)


def objects(value: Any, name: str) -> list[Raw]:
    """The value, if it is a list of objects with at least one entry."""
    if type(value) is not list:
        raise Reject(f"{name} is {word_for(value)}, not a list")
    if not value:
        raise Reject(f"{name} is empty")
    for index, item in enumerate(value, 1):
        if type(item) is not dict:
            raise Reject(f"{name} holds {word_for(item)} where an object belongs", f"turn {index}")
    return value


def role_of(value: Any, roles: Mapping[str, str], name: str, spot: str) -> str:
    """What a turn's role or speaker means."""
    role = roles.get(value) if isinstance(value, str) else None
    if role is None:
        said = repr(value) if isinstance(value, str) else word_for(value)
        raise Reject(f"unknown {name} {said}", spot)
    return role


def extras(raw: Raw, known: Collection[str]) -> Raw:
    """{'extra': …} with the top-level keys that the format does not know, or nothing."""
    rest = {key: value for key, value in raw.items() if key not in known}
    return {"extra": rest} if rest else {}


def flag(value: Any, spot: str) -> bool:
    """A loss flag: true, false, 0, 1 or the words."""
    if value in (True, False):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise Reject("a loss flag is neither true nor false", spot)


def carry(turn: Raw, known: Collection[str], message: Message, spot: str) -> Message:
    """The message with the turn's other fields: loss, weight, name, reasoning_content, extra."""
    rest = {key: value for key, value in turn.items() if key not in known}
    if not rest:
        return message
    _carry_loss(rest.pop("loss", None), rest.pop("weight", None), message, spot)
    for name in NAMED:
        if name in rest and (name != "name" or message["role"] != "call"):
            value = rest.pop(name)
            if value is not None:
                message[name] = text(value, name, spot)
    if rest:
        message["extra"] = rest
    return message


def _carry_loss(loss: Any, weight: Any, message: Message, spot: str) -> None:
    if loss is not None:
        message["loss"] = flag(loss, spot)
    if weight is None:
        return
    number = type(weight) in (int, float)
    if number and weight not in (0, 1):
        message["weight"] = weight
    elif message.setdefault("loss", flag(weight, spot)) is not flag(weight, spot):
        raise Reject("loss and weight disagree", spot)


def fields(message: Message) -> Raw:
    """What `carry` took from a turn, but for the loss."""
    found: Raw = {}
    for name in NAMED:
        if name in message and (name != "name" or message["role"] != "call"):
            found[name] = message[name]
    return {**found, **message.get("extra", {})}


def verdicts(raw: Raw, keys: Raw) -> None:
    """`kto_tag`, which some data sets call `label`, into the row's keys."""
    if raw.get("kto_tag") is not None:
        if type(raw["kto_tag"]) is not bool:
            raise Reject(f"kto_tag is {word_for(raw['kto_tag'])}, not true or false")
        keys["kto_tag"] = raw["kto_tag"]
    elif type(raw.get("label")) is bool:
        keys["kto_tag"] = raw["label"]


def known_verdict(raw: Raw) -> tuple[str, ...]:
    """The keys that `verdicts` takes from this object."""
    by_label = raw.get("kto_tag") is None and type(raw.get("label")) is bool
    return ("kto_tag", "label") if by_label else ("kto_tag",)


def preference(raw: Raw, keys: Raw, read: Callable[[Any, str], list[Message]]) -> None:
    """`chosen` to the end of the messages, `rejected` into the row's keys."""
    if raw.get("chosen") is None and raw.get("rejected") is None:
        return
    if keys["messages"][-1]["role"] not in ("user", "observation"):
        raise Reject("there is no question before chosen and rejected")
    chosen = read(raw.get("chosen"), "chosen")
    keys["rejected"] = read(raw.get("rejected"), "rejected")
    keys["messages"] = [*keys["messages"], *chosen]


def question_and_chosen(row: Row) -> tuple[list[Message], list[Message]]:
    """A preference row's messages up to the answers, and the chosen answer."""
    messages = row["messages"]
    asked = [i for i, m in enumerate(messages, 1) if m["role"] in ("user", "observation", "system")]
    cut = asked[-1] if asked else 0
    return messages[:cut], messages[cut:]


def dump(value: Any) -> str:
    """JSON text as the engines' own scripts write it (Chinese stays readable)."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def undump(value: Any) -> Any:
    """The JSON value in a text, or the text itself when it is not JSON."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def arguments(value: Any, spot: str) -> Raw:
    """A tool call's arguments as an object; they often stand as JSON text."""
    given = undump(value)
    if given is None or given == "":
        return {}
    if type(given) is not dict:
        raise Reject("a tool call's arguments are not an object", spot)
    return given


def tools_of(raw: Raw) -> Raw:
    """{'tools': …}, or nothing when there are none."""
    empty = raw.get("tools") is None or raw["tools"] in ("", [])
    return {} if empty else {"tools": undump(raw["tools"])}


def history(value: Any) -> list[Message]:
    """[[question, answer], …] as messages."""
    if type(value) is not list:
        raise Reject(f"history is {word_for(value)}, not a list")
    messages: list[Message] = []
    for index, pair in enumerate(value, 1):
        spot = f"turn {index} of history"
        if type(pair) is not list or len(pair) != 2:
            raise Reject("history holds something else than [question, answer]", spot)
        messages.append({"role": "user", "content": text(pair[0], "a question", spot)})
        messages.append({"role": "assistant", "content": answer(pair[1], "an answer", spot)})
    return messages


Pair = tuple[str, str, Message]
"""user text, assistant text, the assistant's message"""


def pairs(row: Row, lose: Lose) -> tuple[str | None, list[Pair]]:
    """(system text, pairs) for the formats that hold one question and one answer a turn.

    An assistant message that follows no user message gets an empty question, as XTuner's own
    mapping does. Messages round a tool call that is left out become one.
    """
    system: str | None = None
    asked: str | None = None
    found: list[Pair] = []
    joins = False
    for message in row["messages"]:
        role = message["role"]
        if role == "user":
            if asked is not None:
                raise Reject("two user messages follow each other")
            asked = message["content"]
        elif role == "assistant":
            if joins and asked is None and found:
                before = found.pop()
                found.append((before[0], before[1] + "\n" + message["content"], before[2]))
            else:
                found.append((asked or "", message["content"], message))
            asked, joins = None, False
        elif role == "system":
            if system is None and not found and asked is None:
                system = message["content"]
            elif message["content"] != system:
                lose("system")
        else:
            joins = True
    if asked is not None:
        lose("turns")
    if not found:
        raise Reject("there is no answer in this row")
    return system, found


def say_something(messages: list[Message], name: str, spot: str = "turn") -> None:
    """Reject a row with an empty answer; only before a tool call may the assistant say nothing."""
    for index, message in enumerate(messages):
        if message["role"] != "assistant" or message["content"].strip():
            continue
        if index + 1 == len(messages) or messages[index + 1]["role"] != "call":
            raise Reject(f"{name} is empty", f"{spot} {index + 1}")
