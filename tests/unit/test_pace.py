"""How far a training is, in words; lines that fit their terminal; figures as people read them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.pace import Pace
from orchestrator.cli.table import cut, shortened, width
from orchestrator.engines.progress import Step
from orchestrator.report import words
from tests.support.engine_runs import REPOSITORY


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_left_comes_from_the_steps_that_were_seen() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.parts() == []
    pace.see(Step(step=10, total=100, loss=2.0, rate=2e-4))
    assert pace.parts() == ["10/100", "loss 2.0000", "lr 2.0e-04"]  # one point is no speed
    clock.now += 20
    pace.see(Step(step=20, total=100, loss=1.5))
    parts = ["20/100", "loss 1.5000", "2:40 left", "2.0 s/step", "lr 2.0e-04"]
    assert pace.parts() == parts
    assert pace.outcome() == ["20 steps", "loss 2.0000 -> 1.5000"]


def test_an_engine_that_knows_no_end_says_how_long_itself() -> None:
    pace = Pace(Clock())
    pace.see(Step(step=43, loss=1.5, left=3723.0))
    assert pace.parts() == ["43", "loss 1.5000", "1:02:03 left"]


def test_a_bar_of_other_length_is_another_loops() -> None:
    pace = Pace(Clock())
    pace.see(Step(step=4, total=16))
    assert not pace.see(Step(step=15, total=20))  # an evaluation
    pace.see(Step(loss=1.0))
    assert pace.parts() == ["4/16", "loss 1.0000"]


def test_nan_is_said_out_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(Clock())
    pace.see(Step(step=1, total=2, loss=3.0))
    pace.see(Step(step=2, total=2, loss=math.nan))
    assert pace.outcome() == ["2 steps", "loss 3.0000 -> nan", "not all finite"]
    monkeypatch.setattr("data_tools.language.is_chinese", lambda: True)
    assert pace.outcome() == ["2 步", "损失 3.0000 -> nan", "有非有限值"]


@given(st.lists(st.text(alphabet="ab 中文，x"), max_size=6), st.integers(0, 40))
def test_a_line_never_takes_more_cells_than_there_are(parts: list[str], room: int) -> None:
    assert width(cut(parts, room)) <= room
    for part in parts:
        assert width(shortened(part, room)) <= room
        assert shortened(part, width(part)) == part


@given(st.lists(st.floats(), max_size=300), st.integers(1, 60))
def test_a_sparkline_has_a_mark_for_every_value_or_group(values: list[float], room: int) -> None:
    line = words.sparkline(values, room)
    assert len(line) == min(len(values), room)
    if len(values) <= room:
        gaps = [not math.isfinite(value) for value in values]
        assert [mark == "×" for mark in line] == gaps


def test_a_sparkline_falls_with_the_loss() -> None:
    assert words.sparkline([4, 3, 2, 1]) == "█▆▃▁"
    assert words.sparkline([2, 2, 2]) == "▁▁▁"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.04, "0.0 s"), (13.24, "13.2 s"), (61.6, "1:02"), (3723, "1:02:03")],
)
def test_times(seconds: float | None, text: str) -> None:
    assert words.lasted(seconds) == text


def test_figures_are_a_stages_own_and_its_artifacts() -> None:
    facts = {
        "rows": 48,
        "notes": {"a": 1},
        "data/train.jsonl": {"rows": 33},
        "check.json": {"faults": [], "figures": {"tokens": 1740}, "warnings": ["few"]},
        "merged": {"bytes": 1_254_280, "whole": True},
    }
    assert words.figures(facts) == {"rows": 48, "tokens": 1740, "bytes": 1_254_280}
    assert words.shown("bytes", 1_254_280) == "1.3 MB"
    assert words.warnings_of(facts) == ["few"]


def test_every_figure_of_a_check_has_a_name_in_both_languages() -> None:
    """The probes of the engines name their figures as keywords of FIGURES."""
    found = set()
    for probe in (REPOSITORY / "orchestrator").rglob("probes/*.py"):
        text = probe.read_text(encoding="utf-8")
        found |= set(re.findall(r'FIGURES\["(\w+)"\]', text))
        for more in re.findall(r"FIGURES\.update\((.*?)\)\n", text, re.DOTALL):
            found |= set(re.findall(r"(\w+)=", more))
    assert {"longest", "optimizer_steps", "rows_cut"} <= found
    assert found - words.NAMES.keys() == set()
    for english, chinese in words.NAMES.values():
        assert english.isascii()
        assert not chinese.isascii()
