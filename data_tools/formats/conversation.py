"""XTuner's format: {"conversation": [{"system", "input", "output"}, …]}.

Source: XTuner's docs on single- and multi-turn data sets, and `xtuner/dataset/utils.py`
(`output_with_loss` since 0.1.14; `need_eos_token` and `sep` are kept as they are).
"""

from __future__ import annotations

from typing import Any

from data_tools.errors import Reject
from data_tools.formats.common import Lose, Raw, extras, flag, objects, pairs, text
from data_tools.rows import Message, Row

NAME = "conversation"
COLUMNS: tuple[str, ...] = ("system", "input", "output", "conversation")
TURN_KEYS = {"system", "input", "output", "output_with_loss"}


def matches(raw: Raw) -> bool:
    if "conversation" in raw:
        return True
    return "input" in raw and "output" in raw and "instruction" not in raw


def parse(raw: Raw) -> Raw:
    turns = raw.get("conversation")
    if turns is None:
        if "conversation" in raw and "output" not in raw:
            raise Reject("conversation is null")
        return {**_flat(raw)}
    if type(turns) is not list or not turns:
        objects(turns, "conversation")
    messages: list[Message] = []
    add = messages.append
    for index, turn in enumerate(turns, 1):
        if type(turn) is not dict:
            objects(turns, "conversation")
        asked, answer = turn.get("input"), turn.get("output")
        if type(asked) is not str or type(answer) is not str:
            text(asked, "input", f"turn {index}")
            text(answer, "output", f"turn {index}")
        size = len(turn)
        if size == 3 and type(turn.get("system")) is str:
            add({"role": "system", "content": turn["system"]})
        elif size != 2:
            messages += _full_turn(turn, f"turn {index}")
            continue
        add({"role": "user", "content": asked})
        add({"role": "assistant", "content": answer})
    keys: Raw = {"messages": messages}
    if len(raw) != 1:
        keys.update(extras(raw, ("conversation",)))
    return keys


def _flat(raw: Raw) -> Raw:
    """A row of a table, or an object with the turn's keys at the top."""
    turn = {key: raw[key] for key in ("system", "input", "output") if raw.get(key) is not None}
    text(turn.get("input"), "input")
    text(turn.get("output"), "output")
    known = ("system", "input", "output", "conversation")
    return {"messages": _full_turn(turn, ""), **extras(raw, known)}


def _full_turn(turn: Raw, spot: str) -> list[Message]:
    found: list[Message] = []
    if turn.get("system") is not None:
        found.append({"role": "system", "content": text(turn["system"], "system", spot)})
    found.append({"role": "user", "content": turn["input"]})
    answer: Message = {"role": "assistant", "content": turn["output"]}
    if "output_with_loss" in turn:
        answer["loss"] = flag(turn["output_with_loss"], spot)
    rest = {key: value for key, value in turn.items() if key not in TURN_KEYS}
    if rest:
        answer["extra"] = rest
    found.append(answer)
    return found


def emit(row: Row, lose: Lose) -> Raw:
    turns = _plain(row) if len(row) == 1 else None
    if turns is None:
        turns = _careful(row, lose)
    return {"conversation": turns, **_same_extra(row)}


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
    """Rows with tools, images, loss flags or an unusual order."""
    later: dict[int, str] = _systems(row)
    _, found = pairs(row, lambda what: None if what == "system" else lose(what))
    turns = []
    for asked, answer, message in found:
        turn: Raw = {"system": later[id(message)]} if id(message) in later else {}
        turn.update(input=asked, output=answer)
        if "loss" in message:
            turn["output_with_loss"] = message["loss"]
        turn.update(message.get("extra", {}))
        turns.append(turn)
    return turns


def _systems(row: Row) -> dict[int, str]:
    """The system text that stands before each assistant message, by the message's identity."""
    found: dict[int, str] = {}
    pending: str | None = None
    for message in row["messages"]:
        if message["role"] == "system":
            pending = message["content"]
        elif message["role"] == "assistant" and pending is not None:
            found[id(message)] = pending
            pending = None
    return found


def _same_extra(row: Row) -> dict[str, Any]:
    same = row.source.format == NAME
    return row.get("extra", {}) if same else {}
