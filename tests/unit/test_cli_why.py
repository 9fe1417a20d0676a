"""`recipe why` of runs, files, folders and standard input, as a user types it."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base.layout import RunPaths
from orchestrator.running import record as records
from tests.unit.test_cli_runs import RUN, Shell, shell, the_run

__all__ = ["shell"]

DISK = "OSError: [Errno 28] No space left on device"
NEW = "SomeError: something that nobody has seen yet"
TRACE = f'Traceback (most recent call last):\n  File "train.py", line 1, in <module>\n{NEW}\n'


def give(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))


def as_json(shell: Shell, *words: str) -> dict[str, Any]:
    shell("why", *words, "--json")
    value: dict[str, Any] = json.loads(shell.out)
    return value


def test_a_log_file_and_standard_input(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.log").write_text(f"one\ntwo\n{DISK}\n", encoding="utf-8")
    assert shell("why", "a.log") == 0
    assert "cause: the disk is full" in shell.out
    assert f"evidence: a.log, line 3: {DISK}" in shell.out
    assert "fix: free some space" in shell.out
    give(monkeypatch, f"{DISK}\r\n".encode("utf-16"))
    assert shell("why", "-") == 0
    assert "cause: the disk is full" in shell.out


def test_an_unknown_log_gives_a_text_to_post(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnopqrstuv")
    log = f"logged in with hf_abcdefghijklmnopqrstuv from {Path.home()}/x\n{TRACE}"
    Path("a.log").write_text(log, encoding="utf-8")
    assert shell("why", "a.log") == 1
    assert "not known to `recipe`" in shell.out
    assert "post this text" in shell.out
    assert NEW in shell.out
    assert "hf_abc" not in shell.out
    assert str(Path.home()) not in shell.out.replace(str(tmp_path), "")
    found = as_json(shell, "a.log")
    assert (found["known"], found["id"], found["evidence"]["line"]) == (False, None, 4)
    assert found["traceback"][-1] == NEW


def test_a_harmless_log(shell: Shell) -> None:
    Path("a.log").write_text("x.py:1: FutureWarning: old\nstep 3\n", encoding="utf-8")
    assert shell("why", "a.log") == 1
    assert "nothing in this log says that something failed" in shell.out


def test_a_folder_with_the_logs_of_ranks(shell: Shell) -> None:
    folder = Path("ranks")
    for rank, text in enumerate([TRACE.replace("SomeError", "ChildFailedError"), f"{DISK}\n", ""]):
        (folder / str(rank)).mkdir(parents=True)
        (folder / str(rank) / "stderr.log").write_text(text, encoding="utf-8")
    old = folder / "yesterday.log"
    old.write_text("torch.cuda.OutOfMemoryError: CUDA out of memory.\n", encoding="utf-8")
    os.utime(old, (1e9, 1e9))
    found = as_json(shell, str(folder))
    assert (found["id"], found["evidence"]["log"]) == ("disk-full", "1/stderr.log")
    Path("empty").mkdir()
    assert shell("why", "empty") == 2
    assert "There is no log in empty" in shell.err


def test_a_name_that_is_nothing(shell: Shell) -> None:
    assert shell("why", "smal") == 2
    assert "error" in shell.err


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        (f"echo '{DISK}'; exit 1", "disk-full"),
        ("kill -9 $$", "killed"),
        (f"printf '{TRACE}'; exit 0", None),
        ("exit 0", None),
    ],
)
def test_a_failed_run(shell: Shell, script: str, cause: str | None) -> None:
    shell.engine.behave("train", script)
    assert shell(*RUN) == 1
    found = as_json(shell, "small")
    assert (found["state"], found["stage"], found["id"]) == ("failed", "train", cause)
    assert found["told"]["what"] == "The engine's command did not finish."
    assert "engine: xtuner@0.2.0" in found["post"]
    assert shell("why", "small") == 0
    assert "stopped at train" in shell.out


def test_a_run_whose_artifact_is_broken_tells_what_it_told(shell: Shell) -> None:
    shell.engine.behave(
        "merge", 'cp -r "$home/made/merge" merged; rm merged/token*; echo "All done!"; exit 0'
    )
    assert shell(*RUN) == 1
    assert shell("why", "small") == 0
    assert "cause: The model has no tokenizer." in shell.out


def test_a_run_of_an_earlier_version_kept_one_sentence_of_its_error(shell: Shell) -> None:
    assert shell(*RUN) == 0
    run = the_run()
    record = records.read(run)
    record.state = "failed"
    stage = record.stages[-1]
    stage.state, stage.error, stage.failure = "failed", "The training did not learn.", {}
    records.save(record, RunPaths(run))
    assert shell("why", str(run)) == 1
    assert "cause: The training did not learn." in shell.out
    assert "error: The training did not learn." in shell.out.partition("post this text")[2]
    assert "nothing failed" not in shell.out


def test_a_run_that_went_on_is_judged_by_its_last_try(shell: Shell) -> None:
    shell.engine.behave("train", f"echo '{DISK}'; exit 1")
    shell(*RUN)
    shell.engine.behave("train", "kill -11 $$")
    shell(*RUN)
    found = as_json(shell, "small")
    assert found["id"] == "segfault"
    shell.engine.behave("train", "")
    assert shell(*RUN) == 0
    assert shell("why", "small") == 0
    assert "nothing failed" in shell.out


def test_a_run_whose_recipe_was_killed(shell: Shell) -> None:
    shell.engine.behave("train", "exit 1")
    shell(*RUN)
    record = records.read(the_run())
    record.state, record.stage("train").state = "running", "running"
    records.save(record, RunPaths(the_run()))
    found = as_json(shell, str(the_run()))
    assert (found["state"], found["id"]) == ("interrupted", "run-left-behind")
