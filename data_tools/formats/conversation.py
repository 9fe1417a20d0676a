"""XTuner's format: {"conversation": [{"system", "input", "output"}, …]}.

Source: XTuner's docs on single- and multi-turn data sets, and `xtuner/dataset/utils.py`
(`output_with_loss` since 0.1.14; `need_eos_token` and `sep` are kept as they are).
"""

from __future__ import annotations

from collections.abc import Mapping

from data_tools.errors import Reject
from data_tools.formats.common import Lose, Raw, answer, extras, flag, objects, pairs, text
from data_tools.rows import Message, Row

NAME = "conversation"
COLUMNS: tuple[str, ...] = ("system", "input", "output", "conversation")
HOLDS = frozenset({"loss"})
TAGS: Mapping[str, str] = {}
TURN_KEYS = frozenset({"system", "input", "output", "output_with_loss"})
TURN_ROLES = frozenset({"assistant"})


def matches(raw: Raw) -> bool:
    if "conversation" in raw:
        return True
    return "input" in raw and "output" in raw and "instruction" not in raw


def parse(raw: Raw) -> Raw:
    turns = raw.get("conversation")
    if turns is None:
        if "conversation" in raw and "output" not in raw:
            raise Reject("conversation is null")
        return _flat(raw)
    if type(turns) is not list or not turns:
        objects(turns, "conversation")
    messages: list[Message] = []
    add = messages.append
    for index, turn in enumerate(turns, 1):
        if type(turn) is not dict:
            objects(turns, "conversation")
        asked, said = turn.get("input"), turn.get("output")
        if type(asked) is not str or type(said) is not str or not said or said.isspace():
            text(asked, "input", f"turn {index}")
            answer(said, "output", f"turn {index}")
        size = len(turn)
        if size == 3 and type(turn.get("system")) is str:
            add({"role": "system", "content": turn["system"]})
        elif size != 2:
            messages += _full_turn(turn, f"turn {index}")
            continue
        add({"role": "user", "content": asked})
        add({"role": "assistant", "content": said})
    keys: Raw = {"messages": messages}
    if len(raw) != 1:
        keys.update(extras(raw, ("conversation",)))
    return keys


def _flat(raw: Raw) -> Raw:
    """A row of a table, or an object with the turn's keys at the top."""
    turn = {key: raw[key] for key in ("system", "input", "output") if raw.get(key) is not None}
    text(turn.get("input"), "input")
    answer(turn.get("output"), "output")
    return {"messages": _full_turn(turn, ""), **extras(raw, COLUMNS)}


def _full_turn(turn: Raw, spot: str) -> list[Message]:
    messages: list[Message] = []
    if turn.get("system") is not None:
        messages.append({"role": "system", "content": text(turn["system"], "system", spot)})
    messages.append({"role": "user", "content": turn["input"]})
    said: Message = {"role": "assistant", "content": turn["output"]}
    if turn.get("output_with_loss") is not None:
        said["loss"] = flag(turn["output_with_loss"], spot)
    rest = {key: value for key, value in turn.items() if key not in TURN_KEYS}
    if rest:
        said["extra"] = rest
    messages.append(said)
    return messages


def emit(row: Row, lose: Lose) -> Raw:
    turns = _plain(row)
    return {"conversation": _careful(row, lose) if turns is None else turns}


def _plain(row: Row) -> list[Raw] | None:
    """The common case in one quick pass: system, user, assistant in order; None if it is not."""
    turns: list[Raw] = []
    turn: Raw = {}
    for message in row["messages"]:
        if len(message) != 2:
            return None
        role = message["role"]
        if role == "assistant":
            if "input" not in turn:
                return None
            turn["output"] = message["content"]
            turns.append(turn)
            turn = {}
        elif role == "user":
            if "input" in turn:
                return None
            turn["input"] = message["content"]
        elif role == "system" and not turn:
            turn["system"] = message["content"]
        else:
            return None
    return None if turn or not turns else turns


def _careful(row: Row, lose: Lose) -> list[Raw]:
    """Rows with loss flags, other fields, or an unusual order."""
    systems = _systems(row, lose)
    _, found = pairs(row, lambda what: None if what == "system" else lose(what))
    turns = []
    for asked, said, message in found:
        turn: Raw = {"system": systems[id(message)]} if id(message) in systems else {}
        turn.update(input=asked, output=said)
        if "loss" in message:
            turn["output_with_loss"] = message["loss"]
        turn.update(message.get("extra", {}))
        turns.append(turn)
    return turns


def _systems(row: Row, lose: Lose) -> dict[int, str]:
    """The system text that stands before each assistant message, by the message's identity."""
    found: dict[int, str] = {}
    pending: str | None = None
    for message in row["messages"]:
        if message["role"] == "system":
            if pending is not None:
                lose("system")
            pending = message["content"]
        elif message["role"] == "assistant" and pending is not None:
            found[id(message)] = pending
            pending = None
    return found
