"""The short way gives exactly what the general way gives, or leaves the row to it."""

from __future__ import annotations

from typing import Any

from data_support import FILLED, JSON, TEXT
from hypothesis import given
from hypothesis import strategies as st

from data_tools.account import Account
from data_tools.errors import Reject
from data_tools.formats import conversation, lanes
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


def general(raw: dict[str, Any], system: str | None) -> Any:
    source = Source("a.json", format="conversation")
    row = Row(conversation.parse(raw), source=source, at=1)
    if system is not None:
        row = with_system(row, system)
    return Emitter("conversation", (), Account()).emit(row)


@given(RAWS, st.none() | TEXT)
def test_a_lane_gives_what_the_general_way_gives(raw: dict[str, Any], system: str | None) -> None:
    lane = lanes.flat_to_conversation(system)
    quick = lane(raw)
    if quick is not None:
        expected = general(raw, system)
        assert quick == expected
        assert list(quick) == list(expected)
        assert str(quick) == str(expected), "the keys of turns stand in the same order"


@given(TEXT, FILLED, st.none() | TEXT)
def test_plain_rows_take_the_lane(asked: str, answer: str, system: str | None) -> None:
    raw = {"input": asked, "output": answer}
    assert lanes.flat_to_conversation(system)(raw) == general(raw, system)


@given(RAWS)
def test_what_the_general_way_rejects_no_lane_takes(raw: dict[str, Any]) -> None:
    try:
        general(raw, None)
    except Reject:
        assert lanes.flat_to_conversation(None)(raw) is None
