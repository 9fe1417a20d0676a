"""The step `order`: turns as a conversation has them, and something in it that is learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from data_support import put_lines
from hypothesis import given
from hypothesis import strategies as st

from data_tools import Account, DataError, Input, Pipeline, run
from data_tools.errors import Reject
from data_tools.formats import chatglm3
from data_tools.operations.conversing import follow
from data_tools.operations.steps import apply_steps

TOOL = {"role": "tool", "name": "f", "parameters": {}, "observation": "seen"}


def turns(*roles: str, **more: Any) -> list[dict[str, Any]]:
    """ChatGLM3 turns of these roles: s(ystem), u(ser), a(ssistant), o(bservation), t(ool)."""
    names = {"s": "system", "u": "user", "a": "assistant", "o": "observation"}
    return [TOOL if r == "t" else {"role": names[r], "content": "x", **more} for r in roles]


def messages(*roles: str, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chatglm3.parse({"conversations": turns(*roles, **more)})[
        "messages"
    ]
    return found


@pytest.mark.parametrize(
    "roles", ["ua", "sua", "uaua", "uata", "utta", "suata", "uaoa", "ut", "utaua", "uattaua"]
)
def test_conversations_pass(roles: str) -> None:
    follow(messages(*roles))


@pytest.mark.parametrize(
    ("roles", "why", "place"),
    [
        ("au", "assistant after the beginning", "turn 1"),
        ("uu", "user after user, where assistant or tool belongs", "turn 2"),
        ("uaa", "assistant after assistant", "turn 3"),
        ("usa", "a system turn after user", "turn 2"),
        ("ssua", "a system turn after system", "turn 2"),
        ("sa", "assistant after system", "turn 2"),
        ("uauas", "a system turn after assistant", "turn 5"),
        ("utu", "user after observation", "turn 3"),
        ("uo", "observation after user", "turn 2"),
        ("uau", "the last turn is of the user", "turn 3"),
        ("s", "the last turn is of the system", "turn 1"),
    ],
)
def test_what_is_no_conversation_says_the_turn(roles: str, why: str, place: str) -> None:
    with pytest.raises(Reject) as caught:
        follow(messages(*roles))
    assert why in str(caught.value)
    assert caught.value.spot == place


def test_a_row_in_which_nothing_is_learnt_is_none() -> None:
    with pytest.raises(Reject, match="nothing in it is learnt"):
        follow(messages("u", "a", loss=False))
    follow([*messages("u", "a", loss=False), *messages("u", "a")])


@given(st.text("suaot", max_size=8))
def test_a_conversation_is_rejected_or_answers_every_user(roles: str) -> None:
    """Whatever passes has one system turn at most, and no user without an answer."""
    try:
        follow(messages(*roles))
    except Reject:
        return
    assert roles.count("s") <= 1
    assert "uu" not in roles
    assert roles[-1] != "u"


def test_a_file_with_such_a_row_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "talks.jsonl"
    put_lines(file, [{"conversations": turns(*roles)} for roles in ("ua", "uu", "uaua")])
    pipeline = Pipeline(
        inputs=[Input(files=file, steps={"order": "conversation"})],
        outputs=[tmp_path / "out.jsonl"],
        to="chatglm3",
        max_rejects=0,
    )
    with pytest.raises(DataError) as caught:
        run(pipeline, Account())
    assert f"{file} line 2: turn 2: roles in a wrong order" in caught.value.where
    account = Account()
    run(replace(pipeline, max_rejects=1), account)
    assert (account.read, account.written, account.rejected) == (3, 2, 1)


def test_there_is_one_order() -> None:
    with pytest.raises(DataError, match="no order"):
        list(apply_steps([], {"order": "any"}))
