"""clean: what nothing needs goes after asking; the newest run and one at work stay."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from orchestrator.base.layout import RunPaths
from orchestrator.running import record as records
from tests.unit.test_cli_runs import RUN, Shell, shell

__all__ = ["shell"]


def runs() -> list[Path]:
    return sorted(path.parent for path in Path.cwd().glob("runs/small/*/run.json"))


def freed(shell: Shell, *words: str) -> list[str]:
    assert shell("clean", "--json", *words) == 0
    return [found["kind"] for found in json.loads(shell.out)]


def test_older_runs_and_earlier_tries_go_and_the_newest_stays(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "cache"))
    shell(*RUN)
    shell(*RUN, "--new")
    shell(*RUN, "--from", "merge")
    shell(*RUN, "--set", "export.max_shard_size=1GB")
    assert len(runs()) == 3
    assert freed(shell) == ["superseded", "runs"]
    assert freed(shell, "--superseded") == ["superseded"]
    assert shell("clean", "-n") == 0
    assert "an older run of the same command" in shell.out
    assert len(runs()) == 3
    oldest = runs()[0]
    assert shell("clean", "-y") == 0
    assert oldest not in runs()
    assert len(runs()) == 2
    assert not list(Path.cwd().glob("runs/small/*/superseded"))
    assert shell("clean") == 0
    assert "nothing to remove" in shell.out
    assert shell("status", "--json") == 0
    assert {run["state"] for run in json.loads(shell.out)} == {"done"}


def test_nothing_goes_unasked(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "cache"))
    shell(*RUN)
    shell(*RUN, "--new")
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _text: "n")
    assert shell("clean") == 130
    assert len(runs()) == 2


def test_a_run_at_work_is_left_alone(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "cache"))
    shell(*RUN)
    first = runs()[0]
    shell(*RUN, "--new")
    record = records.read(first)
    record.state, record.pid, record.host = "running", os.getpid(), socket.gethostname()
    records.save(record, RunPaths(first))
    with records.claimed(RunPaths(first)):
        assert freed(shell) == []


def test_what_was_made_and_what_was_named_stays(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A newer try that failed replaces no finished run, and a name is a command of its own."""
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "cache"))
    shell(*RUN)
    shell(*RUN, "--name", "keep")
    shell.engine.behave("check", "exit 1")
    shell(*RUN, "--new", "--force")
    shell(*RUN, "--new", "--force")
    states = {root: records.read(root).state for root in runs()}
    failed = next(root for root, state in states.items() if state == "failed")
    assert shell("clean", "-y") == 0
    assert set(states) - set(runs()) == {failed}  # the older of the two


def test_links_are_left_to_whoever_made_them(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A folder that was moved to another disk and linked is nothing that `recipe` put there."""
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "cache"))
    shell(*RUN)
    shell(*RUN, "--new")
    disk = tmp_path / "disk"
    disk.mkdir()
    runs()[0].rename(disk / "run")
    runs_folder = Path.cwd() / "runs" / "small"
    (runs_folder / "20200101-000000").symlink_to(disk / "run")
    (disk / "tries").mkdir()
    (runs()[1] / "superseded").symlink_to(disk / "tries")
    assert freed(shell) == []
    assert shell("clean", "-y") == 0
    assert (disk / "run" / "run.json").is_file()
