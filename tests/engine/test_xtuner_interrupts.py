"""A real training cut off in three ways, each time in the middle: it goes on, nothing is left."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from orchestrator.engines.xtuner.checkpoints import newest_checkpoint
from orchestrator.running import record as records
from tests.support.engine_runs import SECONDS, engine_slot, recipe, variables, words_of
from tests.support.waiting import until

#: Long enough to be cut off, with a checkpoint after every second iteration.
LONG = (
    *("run", "medqa-qlora", "--rehearse", "--until", "train"),
    *("--set", "engine_options.max_epochs=20", "--set", "train.save_steps=2"),
    *("--set", "train.save_total_limit=-1", "--set", "train.logging_steps=1"),
)


def words(run: Path) -> list[str]:
    """The long training in the finished run: its rows and its model are kept."""
    return [*LONG, "--run", str(run)]


def checkpoints(run: Path) -> set[str]:
    return {path.name for path in (run / "work").glob("iter_*.pth")}


def start_and_wait(workspace: Path, run: Path) -> subprocess.Popen[bytes]:
    """`recipe run …`, until training has saved two checkpoints more than there were."""
    before = checkpoints(run)
    log = (workspace / "output.txt").open("wb")
    process = subprocess.Popen(
        words_of(*words(run)), cwd=workspace, env=variables(), stdout=log, stderr=subprocess.STDOUT
    )
    log.close()

    def cut_off_now() -> bool:
        assert process.poll() is None, (workspace / "output.txt").read_text(encoding="utf-8")
        # The first start sets the finished training aside: its one checkpoint does not count.
        return len(checkpoints(run) - before) >= 2 and (run / ".engine").exists()

    until(cut_off_now, what="two checkpoints", seconds=SECONDS)
    return process


def engine_group(run: Path) -> int:
    return int((run / ".engine").read_text(encoding="ascii").split()[0])


def members(group: int) -> dict[int, str]:
    """The living processes of a group: number -> command line."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
            words = (stat.parent / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if fields[2] == str(group) and fields[0] not in "ZX":
            found[int(stat.parent.name)] = b" ".join(words).decode(errors="replace")
    return found


def wait_until_gone(group: int) -> None:
    until(lambda: members(group) == {}, what="the end of the whole group")


def newest(run: Path) -> str:
    found = newest_checkpoint(run / "work")
    assert found is not None
    return found.name


def output(workspace: Path) -> str:
    return (workspace / "output.txt").read_text(encoding="utf-8")


def test_a_training_that_is_cut_off_goes_on(workspace: Path, run: Path) -> None:
    with engine_slot():
        _killed_engine(workspace, run)
        _ctrl_c(workspace, run)
        _killed_recipe(workspace, run)
        _finishes(workspace, run)


def _killed_engine(workspace: Path, run: Path) -> None:
    """The trainer is killed behind XTuner's back, which then ends with exit code 0."""
    process = start_and_wait(workspace, run)
    group = engine_group(run)
    trainer = max(members(group))  # the last that was started: XTuner's command starts it
    subprocess.run(["kill", "-9", str(trainer)], check=True)
    assert process.wait(SECONDS) == 1
    assert "stage train" in output(workspace)
    assert "run the same command again" in output(workspace)
    assert records.read(run).stage("train").state == "failed"
    wait_until_gone(group)


def _ctrl_c(workspace: Path, run: Path) -> None:
    resumed_from = newest(run)
    process = start_and_wait(workspace, run)
    group = engine_group(run)
    assert f"training goes on from {resumed_from}" in output(workspace)
    second = subprocess.run(
        words_of(*words(run)),
        cwd=workspace,
        env=variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "Another process is working in this run directory." in second.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 130
    assert members(group) == {}
    assert "Interrupted" in output(workspace)
    record = records.read(run)
    assert (record.state, record.stage("train").state) == ("interrupted", "interrupted")


def _killed_recipe(workspace: Path, run: Path) -> None:
    resumed_from = newest(run)
    process = start_and_wait(workspace, run)
    group = engine_group(run)
    assert f"training goes on from {resumed_from}" in output(workspace)
    process.kill()
    process.wait()
    done = subprocess.run(
        words_of("status", "--json"),
        cwd=workspace,
        env=variables(),
        capture_output=True,
        check=True,
    )
    (shown,) = json.loads(done.stdout)
    assert (shown["state"], shown["stage"]) == ("interrupted", "train")
    assert members(group) != {}  # nobody was left to end it: the next run does


def _finishes(workspace: Path, run: Path) -> None:
    group = engine_group(run)
    done = recipe(*words(run), cwd=workspace, locked=True)
    assert done.code == 0, done.output
    assert "ended the engine that an earlier, killed `recipe` left behind" in done.output
    assert "training goes on from iter_" in done.output
    assert members(group) == {}
    figures = json.loads((run / "check.json").read_text(encoding="utf-8"))["figures"]
    assert newest(run) == f"iter_{20 * figures['iterations_per_epoch']}.pth"
    superseded = list((run / "superseded").glob("*-train"))
    assert len(superseded) == 1  # the finished training of before; no cut-off try was thrown away
