"""run, plan, status and logs as a user types them, with a fake engine behind them."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator import cli
from orchestrator.envs import install, inventory
from orchestrator.envs.environment import Environment
from orchestrator.running import record as records
from tests.support.fake_engine import RECIPE, FakeEngine
from tests.support.signals import send_when

ALL = ["data", "model", "render", "check", "train", "convert", "merge"]


class Shell:
    """`recipe …` in a folder with small.yaml; what it printed and how it ended."""

    def __init__(
        self,
        engine: FakeEngine,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.engine = engine
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        self._monkeypatch.setattr("sys.argv", ["recipe", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    engine = FakeEngine.make(tmp_path / "engine")

    def ensure(*_args: Any, **_more: Any) -> Environment:
        return engine.environment()

    monkeypatch.setattr(install, "ensure", ensure)
    monkeypatch.setattr(inventory, "find", ensure)
    here = tmp_path / "here"
    here.mkdir()
    (here / "small.yaml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.chdir(here)
    return Shell(engine, monkeypatch, capsys)


RUN = ("run", "small.yaml", "--rehearse")


def the_run() -> Path:
    (path,) = Path.cwd().glob("runs/small/*/run.json")
    return path.parent


def test_a_run_says_what_it_does(shell: Shell) -> None:
    assert shell(*RUN) == 0
    assert "THIS IS A REHEARSAL" in shell.out
    assert "train.method: qlora -> lora" in shell.out
    for number, stage in enumerate(ALL, 1):
        assert f"[{number}/7] {stage}" in shell.out
    assert "$ xtuner train config.py --work-dir work" in shell.out
    assert "fake train begins" not in shell.out  # it is in the log
    assert "warning: few steps" in shell.out
    assert "recipe chat runs/small/" in shell.out
    assert "\x1b" not in shell.out + shell.err  # no colour and no bar: not a terminal


def test_a_second_run_executes_nothing(shell: Shell) -> None:
    shell(*RUN)
    shell.engine.calls  # noqa: B018 - forgets them
    assert shell(*RUN) == 0
    assert shell.out.count("done before") == len(ALL)
    assert shell.engine.calls == []
    assert len(list(Path.cwd().glob("runs/small/*"))) == 1
    assert shell(*RUN, "--new") == 0
    assert len(list(Path.cwd().glob("runs/small/*"))) == 2


def test_the_engines_words_are_in_the_log_and_shown_on_request(shell: Shell) -> None:
    assert shell(*RUN, "-q") == 0
    assert "fake train begins" not in shell.out
    assert "fake train begins" in (the_run() / "logs" / "train.log").read_text(encoding="utf-8")
    assert shell(*RUN, "-v", "-f") == 0
    assert "fake train begins" in shell.out


def test_until_from_and_words_for_the_engine(shell: Shell) -> None:
    assert shell(*RUN, "--until", "check") == 0
    assert "Stopped as asked. Go on with: recipe run" in shell.out
    assert shell(*RUN, "--", "--cfg-options", "a b=1") == 0
    assert "$ xtuner train config.py --work-dir work --cfg-options 'a b=1'" in shell.out
    assert shell(*RUN, "--from", "trian") == 2
    assert "no stage called 'trian'" in shell.err


@pytest.mark.parametrize("words", [("plan", "small.yaml", "--rehearse"), (*RUN, "-n")])
def test_a_plan_does_nothing(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell(*words) == 0
    assert "not done yet" in shell.out
    assert "xtuner train config.py --work-dir work" in shell.out
    assert not Path("runs").exists()
    assert shell.engine.calls == []


def test_a_plan_for_a_program(shell: Shell) -> None:
    shell(*RUN, "--until", "train")
    assert shell("plan", "small.yaml", "--rehearse", "--json") == 0
    plan = json.loads(shell.out)
    assert {step["stage"]: step["runs"] for step in plan["stages"]} == {
        stage: stage in ("convert", "merge") for stage in ALL
    }
    assert plan["directory"] == str(the_run())
    assert plan["rehearsal"] is True


def test_a_failure_is_told_in_plain_lines(shell: Shell) -> None:
    shell.engine.behave("train", "echo 'RuntimeError: CUDA out of memory. Tried to'; exit 1")
    assert shell(*RUN) == 1
    first, *rest = shell.err.splitlines()
    assert first.startswith("error: ")
    text = "\n".join(rest)
    for words in ("where: stage train", "train.log", "why: the GPU's memory is full", "next step:"):
        assert words in text
    assert "Traceback" not in shell.err


FAULTS: dict[str, tuple[tuple[str, ...], int, list[str]]] = {
    "an unknown recipe": (("run", "medqa-qlra"), 2, ["medqa-qlora"]),
    "an unknown key": ((*RUN, "--set", "train.epoch=1"), 2, ["train.epoch", "train.epochs"]),
    "a mistyped value": ((*RUN, "--set", "train.epochs=many"), 2, ["train.epochs"]),
    "an unknown engine": ((*RUN, "--engine", "xtunr@0.2.0"), 2, ["xtuner"]),
    "an unknown release": ((*RUN, "--engine", "xtuner@9"), 2, ["xtuner@0.2.0"]),
    "rows that are nowhere": (
        ("run", "medqa-qlora", "--rehearse", "--set", "data.sources.0.path=mine.xlsx"),
        2,
        ["'mine.xlsx' are not there", "looked in"],
    ),
    "an unknown run": (("status", "nothing"), 2, ["nothing"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_bad_input_is_refused_with_what_helps(shell: Shell, name: str) -> None:
    words, code, wanted = FAULTS[name]
    assert shell(*words) == code
    assert shell.err.startswith("error: ")
    for text in wanted:
        assert text in shell.err, shell.err
    assert not Path("runs").exists()


BROKEN_FILES: dict[str, tuple[bytes, str]] = {
    "not a zip at all": (b"no workbook", "mine.xlsx"),
    "empty": (b"", "mine.xlsx"),
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_a_broken_workbook_leaves_earlier_rows_as_they_were(shell: Shell, name: str) -> None:
    run = ("run", "medqa-qlora", "--rehearse", "--until", "data")
    assert shell(*run) == 0
    (root,) = Path.cwd().glob("runs/medqa-qlora/*")
    before = (root / "data" / "train.jsonl").read_bytes()
    body, words = BROKEN_FILES[name]
    Path("mine.xlsx").write_bytes(body)
    assert shell(*run, "--set", "data.sources.0.path=mine.xlsx") == 1
    assert "where: stage data" in shell.err
    assert words in shell.err
    assert "next step" in shell.err
    kept = [*root.glob("data/train.jsonl"), *root.glob("superseded/*/data/train.jsonl")]
    assert [path.read_bytes() for path in kept] == [before]
    assert shell(*run) == 0
    assert (root / "data" / "train.jsonl").read_bytes() == before


def test_ctrl_c_ends_with_130_and_goes_on(shell: Shell) -> None:
    shell.engine.behave("train", "touch ready; exec sleep 100")
    thread = send_when(lambda: any(Path.cwd().glob("runs/small/*/ready")), signal.SIGINT)
    assert shell(*RUN) == 130
    thread.join()
    assert "Interrupted" in shell.err
    assert shell("status", "--json") == 0
    (shown,) = json.loads(shell.out)
    assert (shown["state"], shown["stage"]) == ("interrupted", "train")
    shell.engine.heal()
    assert shell(*RUN) == 0
    assert "(again: the last try was cut off)" in shell.out


def test_status_and_logs(shell: Shell) -> None:
    assert shell("status") == 0
    assert "There is no run" in shell.out
    shell(*RUN)
    assert shell("status") == 0
    assert "done" in shell.out
    assert "rehearsal" in shell.out
    assert shell("status", "small") == 0
    for stage in ALL:
        assert stage in shell.out
    assert shell("status", "small", "--json") == 0
    assert json.loads(shell.out)["state"] == "done"
    assert shell("logs", "small", "train") == 0
    assert shell.out.startswith("$ xtuner train config.py")
    assert shell("logs", "small", "train", "-n", "1") == 0
    assert shell.out == "after_train in EvaluateChatHook.\n"
    assert shell("logs", "small", "nothing") == 2
    assert "train" in shell.err


def test_logs_follow_until_the_run_ends(shell: Shell) -> None:
    """-f prints what comes, from one stage's log to the next, and ends with the run."""
    shell(*RUN, "--until", "check")
    root = the_run()
    record = records.read(root)
    log = root / "logs" / "train.log"

    def grow() -> None:
        for number in range(3):
            with log.open("a", encoding="utf-8") as stream:
                stream.write(f"line {number}\n")
            time.sleep(0.4)
        record.state, record.pid = "done", None
        records.save(record, records.RunPaths(root))

    record.state, record.pid = "running", os.getpid()
    record.host = records.socket.gethostname()
    records.save(record, records.RunPaths(root))
    thread = threading.Thread(target=grow, daemon=True)
    thread.start()
    with records.claimed(records.RunPaths(root)):
        assert shell("logs", "small", "train", "-f") == 0
    thread.join()
    assert shell.out == "line 0\nline 1\nline 2\n"


def test_a_run_in_another_folder(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPE_RUNS", "elsewhere")
    assert shell(*RUN) == 0
    assert len(list(Path("elsewhere/small").iterdir())) == 1
    assert not Path("runs").exists()
