"""The short ways give exactly what the general way gives, or leave the row to it."""

from __future__ import annotations

from typing import Any

import pytest
from data_support import FILLED, JSON, TEXT
from hypothesis import given
from hypothesis import strategies as st

from data_tools.account import Account
from data_tools.errors import Reject
from data_tools.formats import conversation, shortcuts
from data_tools.formats.emitting import Emitter
from data_tools.rows import Row, Source, with_system

VALUES = st.one_of(TEXT, TEXT, TEXT, JSON)
TURNS = st.lists(
    st.dictionaries(st.sampled_from(["input", "output", "system", "note"]), VALUES)
    | st.fixed_dictionaries({"input": TEXT, "output": TEXT}, optional={"system": TEXT}),
    max_size=4,
)
RAWS = st.one_of(
    st.fixed_dictionaries({"conversation": TURNS}, optional={"id": JSON}),
    st.fixed_dictionaries({"input": VALUES, "output": VALUES}, optional={"system": TEXT}),
    st.dictionaries(TEXT, JSON, max_size=3),
)


TARGETS = ["conversation", "alpaca"]


def general(raw: dict[str, Any], target: str, system: str | None) -> Any:
    source = Source("a.json", format="conversation")
    row = Row(conversation.parse(raw), source=source, at=1)
    if system is not None:
        row = with_system(row, system)
    return Emitter(target, (), Account()).emit(row)


def shortcut_to(target: str, system: str | None) -> shortcuts.Shortcut:
    shortcut = shortcuts.find(target, system)
    assert shortcut is not None
    return shortcut


@given(RAWS, st.none() | TEXT)
@pytest.mark.parametrize("target", TARGETS)
def test_a_shortcut_gives_what_the_general_way_gives(
    target: str, raw: dict[str, Any], system: str | None
) -> None:
    shortcut = shortcut_to(target, system)
    quick = shortcut(raw)
    if quick is not None:
        expected = general(raw, target, system)
        assert quick == expected
        assert list(quick) == list(expected)
        assert str(quick) == str(expected), "the keys of turns stand in the same order"


@given(st.lists(st.tuples(TEXT, FILLED), min_size=1, max_size=4), st.none() | TEXT)
def test_plain_rows_take_the_shortcut(pairs: list[tuple[str, str]], system: str | None) -> None:
    turns = [{"input": asked, "output": answer} for asked, answer in pairs]
    for target, raw in (("alpaca", {"conversation": turns}), ("conversation", turns[0])):
        assert shortcut_to(target, system)(raw) == general(raw, target, system)


@given(RAWS)
@pytest.mark.parametrize("target", TARGETS)
def test_what_the_general_way_rejects_no_shortcut_takes(target: str, raw: dict[str, Any]) -> None:
    try:
        general(raw, target, None)
    except Reject:
        assert shortcut_to(target, None)(raw) is None


def test_other_formats_have_no_shortcut() -> None:
    assert shortcuts.find("messages", None) is None
