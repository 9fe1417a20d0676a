"""A run on a real terminal (a pty) and without one: what a person sees, at both widths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.base.plan import Plan
from orchestrator.cli import terminal
from orchestrator.cli.table import width
from orchestrator.cli.terminal import Terminal
from orchestrator.engines import xtuner
from orchestrator.engines.progress import Step
from orchestrator.planning import stages
from orchestrator.report import words
from orchestrator.running.record import StageRecord
from tests.support.fake_engine import small_job
from tests.support.told import Told
from tests.support.training import LOSSES, PROMPTS, log

RUN = ("run", "small.yaml", "--rehearse")
STAGES = ["data", "model", "render", "check", "train", "convert", "merge"]


def test_one_line_a_stage_on_a_terminal(tmp_path: Path) -> None:
    seen = Told(tmp_path, pause=0.25).seen(*RUN, columns=80)
    assert seen.code == 0, seen.raw
    told = [line for line in seen.lines if re.match(r"\[\d/7\]", line)]
    assert [line.split()[1] for line in told] == STAGES
    assert f"8 steps, loss {LOSSES[0]:.4f} -> {LOSSES[-1]:.4f}" in told[4]
    assert "mmengine" not in seen.raw
    assert "$ xtuner" not in seen.raw
    live = [frame for frame in seen.frames if re.search(r"\[5/7\] train .* \d/8", frame)]
    assert re.search(r" 3/8  loss 6\.2500  0:0\d left  \d\.\d steps/s  lr 1\.3e-05", "".join(live))
    assert max(width(frame) for frame in seen.frames if frame.startswith("[")) < 80


def test_the_closing_card(tmp_path: Path) -> None:
    told = Told(tmp_path)
    seen = told.seen(*RUN, columns=80)
    card = "\n".join(seen.lines[seen.lines.index(next(filter(_is_end, seen.lines))) :])
    assert f"{LOSSES[0]:.4f} █▇▆▅▃▂▁▁ {LOSSES[-1]:.4f}  8 steps" in card
    for number, prompt in enumerate(PROMPTS):
        assert prompt in card
        assert f"before  before {number}" in card
        assert f"after   after {number}" in card
    assert "24 rows read, 12 trained on" in card
    for stage in STAGES:
        assert re.search(rf"\b{stage} \d+\.\d s", card)
    assert re.search(r"checkpoints .* · adapter .* · model ", card)
    assert "7.8 GiB of GPU memory" in card
    assert f"report      runs/small/{told.run.name}/report.html" in card
    assert f"talk to it  recipe chat runs/small/{told.run.name}" in card
    assert "for real    recipe run small.yaml\n" in card
    assert max(map(width, card.splitlines()[1:])) < 80  # under its first, a sentence
    assert (told.run / "report.html").is_file()
    again = told.seen(*RUN, columns=80)
    assert "8 steps" in again.raw
    assert "[5/7]" not in again.raw


def _is_end(line: str) -> bool:
    return "went through every stage" in line


def test_chinese_on_a_wide_terminal_without_colours(tmp_path: Path) -> None:
    seen = Told(tmp_path, pause=0.25).seen(*RUN, columns=200, RECIPE_LANG="zh", NO_COLOR="1")
    assert seen.code == 0, seen.raw
    assert "\x1b[" not in seen.raw.replace("\x1b[2K", "")  # erasing a line is no colour
    text = "\n".join(seen.lines)
    assert "8 步, 损失 7.5416 -> 3.2500" in text
    names = ["损失", "回答", "阶段", "大小", "显存", "全部产物", "报告", "和它对话", "正式运行"]
    for name in names:
        assert f"\n  {name}  " in text, name
    assert re.search(r"损失 6\.2500  还需 0:0\d  \d\.\d 步/秒", "".join(seen.frames))
    # English words that only a missing translation would leave here
    assert not re.search(r"\b(loss|8 steps|left|before  |after  |rows|sizes)\b", text)


def test_the_engines_words_on_request_and_nothing_drawn_where_it_cannot_be(tmp_path: Path) -> None:
    told = Told(tmp_path)
    seen = told.seen(*RUN, "-v")
    assert "Iter(train) [3/8]" in seen.raw
    assert "$ xtuner train config.py --work-dir work" in seen.raw
    assert "\x1b[2K" not in seen.raw
    dumb = told.seen(*RUN, "-f", TERM="dumb")
    assert "\x1b[2K" not in dumb.raw
    assert "[5/7] train" in dumb.raw
    quiet = told.seen(*RUN, "-f", "-q")
    assert "\x1b[2K" not in quiet.raw
    assert "[5/7] train" in quiet.raw


def test_a_stage_that_fails_leaves_the_terminal_clean(tmp_path: Path) -> None:
    told = Told(tmp_path, pause=0.1)
    script = (told.engine.root / "behave" / "train").read_text(encoding="utf-8")
    told.engine.behave("train", f"{script}\necho 'RuntimeError: it broke'; exit 1\n")
    seen = told.seen(*RUN)
    assert seen.code == 1
    (stage,) = [line for line in seen.lines if line.startswith("[5/7]")]
    assert re.search(r"stopped after \d\.\d s  8 steps  loss 7\.5416 -> 3\.2500", stage)
    assert any(line.startswith("error: ") for line in seen.lines)


def test_without_a_terminal_everything_is_in_plain_lines(tmp_path: Path) -> None:
    done = Told(tmp_path).piped(*RUN)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout
    assert "$ xtuner train config.py --work-dir work" in done.stdout
    assert re.search(r"train done in \d\.\d s: 8 steps, loss 7.5416 -> 3.2500", done.stdout)
    assert "mmengine" not in done.stdout
    quiet = Told(tmp_path / "quiet").piped(*RUN, "-q")
    told = [line for line in quiet.stdout.splitlines() if line.startswith("[")]
    assert [line.split()[1] for line in told] == STAGES
    assert "$ xtuner" not in quiet.stdout


def test_an_encoding_without_blocks_and_chinese_ends_nothing(tmp_path: Path) -> None:
    told = Told(tmp_path)
    done = told.piped(*RUN, PYTHONIOENCODING="latin-1", RECIPE_LANG="zh")
    assert done.returncode == 0, done.stderr
    assert r"7.5416 \u2588\u2587" in done.stdout
    assert (told.run / "report.html").is_file()


def test_now_and_then_a_line_where_none_can_be_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: clock[0])
    shown = Terminal(xtuner.progress)
    job = small_job(tmp_path)
    shown.started(5, 7, stages.plan("render", job, tmp_path), None)
    for line in log().splitlines():
        clock[0] += 10
        shown.output(line.encode() + b"\n")
    shown.output(b"")
    told = [line for line in capsys.readouterr().out.splitlines() if "/8" in line]
    assert len(told) in (2, 3, 4, 5)  # a line in three, at 10 seconds a line
    assert "  3/8  loss 6.2500  0:50 left  10.0 s/step  lr 1.3e-05" in told[0]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_lines_are_read_however_they_are_cut(size: int, tmp_path: Path) -> None:
    seen: list[Step] = []

    def read(line: str) -> Step | None:
        step = xtuner.progress(line)
        seen.extend([step] if step else [])
        return step

    shown = Terminal(read, quiet=True)
    data = log().replace("\n", "\r\n").encode()
    for start in range(0, len(data), size):
        shown.output(data[start : start + size])
    assert [one.loss for one in seen] == list(LOSSES)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_finished_stage_is_one_line_with_the_figures_that_fit(
    columns: int, language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Chinese takes two cells a letter: what is cut is the last figure, never all of them."""
    monkeypatch.setattr("data_tools.language.is_chinese", lambda: language == "zh")
    monkeypatch.setenv("COLUMNS", str(columns))
    names = ("rows", "rows_lost", "rows_cut", "tokens", "longest", "iterations", "optimizer_steps")
    facts = {"check.json": {"figures": dict.fromkeys(names, 16)}}
    shown = Terminal(xtuner.progress, quiet=True)
    shown.started(4, 7, Plan(stage="check"), None)
    shown.finished(StageRecord("check", seconds=5.1, facts=facts))
    (line,) = capsys.readouterr().out.splitlines()
    fitted = line.count(" 16")
    assert width(line) < columns
    assert fitted >= 1
    if fitted < len(names):
        left_out = words.NAMES[names[fitted]][language == "zh"]
        assert width(f"{line}, {left_out} 16") >= columns


def test_what_an_engine_prints_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Terminal(None)
    record = StageRecord("train", seconds=1.0, facts={"warnings": ["\x1b[2Jgone"], "a": "\x07b"})
    shown.finished(record)
    assert "\x1b" not in capsys.readouterr().out
