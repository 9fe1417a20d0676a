"""Rows whose turns stand in the order of a conversation, for scripts that look at no order.

Source: ChatGLM3's finetune_chatmodel_demo/README.md: a system turn is the first and only one, then
user and assistant take turns; a tool's call follows the user or a thought of the assistant, and the
assistant goes on from what the tool gave back. Its code trains on any order without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from data_tools.account import Account
from data_tools.containers.emitting import reject_row
from data_tools.errors import Reject
from data_tools.formats.emitting import as_row
from data_tools.rows import Message

#: Role -> the roles that may follow it. A bare observation answers an assistant that called a tool
#: in its own words.
_AFTER = {
    "": ("system", "user"),
    "system": ("user",),
    "user": ("assistant", "call"),
    "assistant": ("user", "call", "observation"),
    "call": ("observation", "call", "assistant"),
    "observation": ("assistant", "call"),
}
_NAMES = {"call": "tool", "": "the beginning"}


def in_order(rows: Iterable[Any], account: Account) -> Iterator[Any]:
    """The rows that are conversations with something to learn; the others are rejected."""
    for row in rows:
        try:
            follow(as_row(row)["messages"])
        except Reject as verdict:
            reject_row(account, verdict, row)
        else:
            yield row


def follow(messages: list[Message]) -> None:
    """Raise Reject for the first turn out of order, and where nothing is learnt."""
    before, turn = "", 0
    for message in messages:
        role = message["role"]
        # A call and what it gave back are one turn of the file.
        turn += not (role == "observation" and before == "call")
        if role not in _AFTER[before]:
            raise Reject(_wrong(before, role), f"turn {turn}")
        before = role
    if before in ("user", "system"):
        raise Reject(f"the last turn is of the {before}: nobody answers it", f"turn {turn}")
    learnt = [m for m in messages if m["role"] in ("assistant", "call") and m.get("loss", True)]
    if not learnt:
        raise Reject("nothing in it is learnt: every turn of the assistant has loss false")


def _wrong(before: str, role: str) -> str:
    shown, after = _NAMES.get(role, role), _NAMES.get(before, before)
    if role == "system":
        return f"a system turn after {after}: it must be the first and only one"
    wanted = " or ".join(_NAMES.get(one, one) for one in _AFTER[before])
    return f"roles in a wrong order: {shown} after {after}, where {wanted} belongs"
