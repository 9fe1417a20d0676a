"""What a Chinese reader sees of runs: no line is left in English, and no reason is misread."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.base.language import is_chinese
from orchestrator.cli import cli
from orchestrator.running import takeover
from orchestrator.running.record import StageRecord

_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("RECIPE_LANG", "zh")
    monkeypatch.setenv("RECIPE_RUNS", str(tmp_path))
    is_chinese.cache_clear()
    yield
    monkeypatch.undo()
    is_chinese.cache_clear()


def test_every_line_of_a_plan_is_chinese_or_a_command() -> None:
    options = ["--rehearse=native"]
    answer = CliRunner().invoke(cli, ["plan", "medqa-qlora", *options])
    assert answer.exit_code == 0, answer.output
    told = [line for line in answer.output.splitlines() if not line.startswith("  $ ")]
    assert len(told) > 8
    assert [line for line in told if not _CHINESE.search(line)] == []


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["status", "nothing"],
        ["plan", "medqa-qlora", "--rehearse", "--from", "merge", "--until", "data"],
        ["plan", "medqa-qlora", "--rehearse", "--from", "nothing"],
        ["plan", "medqa-qlora", "--rehearse", "--name", "-"],
        ["plan", "medqa-qlora", "--rehearse", "--run", "one", "--new"],
        ["plan", "medqa-qlora", "--set", "data.sources.0.path=nowhere.xlsx"],
        ["env", "install", "NAME", "--python", "python", "--torch-backend", "cpu"],
    ],
)
def test_errors_are_chinese(words: list[str]) -> None:
    answer = CliRunner().invoke(cli, words)
    told = str(answer.exception) if answer.exception else answer.output
    assert [line for line in told.splitlines() if not _CHINESE.search(line)] == []
    assert _CHINESE.search(told.splitlines()[0])


def test_a_stage_that_was_taken_over_is_known_in_both_languages(tmp_path: Path) -> None:
    assert takeover.was_taken_over(StageRecord("data", why=takeover.told(tmp_path)))
    assert takeover.was_taken_over(StageRecord("data", why=f"taken over from {tmp_path}"))
    assert not takeover.was_taken_over(StageRecord("data", why="尚未完成"))
    assert not takeover.was_taken_over(StageRecord("data"))
