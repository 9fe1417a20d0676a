"""Rows that teach a model whose assistant it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_tools import DataError, self_cognition


@given(st.text(min_size=1).filter(str.strip), st.none() | st.text(min_size=1))
def test_any_name_stands_in_every_answer_as_it_is(name: str, maker: str | None) -> None:
    for language in ("zh", "en", "both"):
        for row in self_cognition(name=name, maker=maker, language=language):
            ((_, answer),) = row.turns
            assert name in answer
            assert maker is None or maker in answer


def test_numbers_of_rows() -> None:
    assert len(list(self_cognition(name="甲"))) == 6
    assert len(list(self_cognition(name="甲", variants=3, repeats=50))) == 150
    assert len(list(self_cognition(name="甲", variants=18, language="both"))) == 36
    pairs = {row.turns[0] for row in self_cognition(name="甲", variants=18)}
    assert len(pairs) == 18


def test_own_variants_and_a_system_text() -> None:
    (row,) = self_cognition(
        name="{maker}", maker="M", variants=[("{name}?", "I am {name} of {maker}")], system="s"
    )
    assert row.system == "s"
    assert row.turns == [("{maker}?", "I am {maker} of M")]


def test_the_languages_are_the_languages() -> None:
    zh = next(iter(self_cognition(name="x", language="zh"))).turns[0][1]
    en = next(iter(self_cognition(name="x", language="en"))).turns[0][1]
    assert "助手" in zh
    assert "assistant" in en


@pytest.mark.parametrize(
    "options",
    [
        {"name": " "},
        {"name": "x", "repeats": 0},
        {"name": "x", "variants": 19},
        {"name": "x", "variants": 0},
        {"name": "x", "language": "fr"},
    ],
)
def test_what_makes_no_sense_is_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        self_cognition(**options)
