"""Done means done: what is stale says so, in the record, in status, and after a partial run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.base import layout
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.envs.environment import Environment
from orchestrator.planning import stages
from orchestrator.running import leftover
from orchestrator.running import record as records
from orchestrator.running.runner import Runner
from tests.support.fake_engine import Told, small_job
from tests.unit.test_runner import AFTER_CHECK, ALL, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def stale(bench: Bench) -> dict[str, str]:
    return records.stale(records.read(bench.root), bench.root)


def other_bytes(path: Path) -> None:
    """Another whole file of weights in the place of ``path``."""
    from tests.support.fake_engine import MODULES
    from tests.support.weight_files import adapter_tensors, safetensors

    path.write_bytes(safetensors(adapter_tensors(MODULES, b=3)))


def test_an_adapter_made_again_makes_merge_stale(bench: Bench) -> None:
    bench.run()
    assert (records.read(bench.root).state, stale(bench)) == ("done", {})
    other_bytes(bench.engine.root / "made" / "convert" / "adapter_model.safetensors")
    bench.run(first="convert", last="convert")
    assert records.read(bench.root).state == "waiting"
    assert list(stale(bench)) == ["merge"]
    assert "adapter" in stale(bench)["merge"]
    bench.run()
    assert (records.read(bench.root).state, stale(bench)) == ("done", {})


@pytest.mark.parametrize(
    ("damaged", "old"),
    [
        ("data/train.jsonl", ["data", "model", "check", "train", "convert", "merge"]),
        ("config.py", ["render", "check", "train", "convert", "merge"]),
        ("work/iter_8.pth", ["train", "convert", "merge"]),
        ("adapter/adapter_config.json", ["convert", "merge"]),
        ("merged/config.json", ["merge"]),
    ],
)
def test_every_edit_is_carried_to_the_end(bench: Bench, damaged: str, old: list[str]) -> None:
    bench.run()
    path = bench.root / damaged
    path.write_bytes(path.read_bytes() + b" ")
    if damaged == "data/train.jsonl":
        old = [name for name in old if name in stale(bench)]
        assert {"data", "model"} <= set(old)
    assert list(stale(bench)) == old


def test_rows_that_are_deleted_afterwards_take_nothing_away(bench: Bench) -> None:
    """A finished run stands by itself; rows that were changed make it old."""
    source = str(bench.folder / "rows.jsonl")
    row = '{"instruction": "q", "input": "", "output": "a"}\n'
    Path(source).write_text(row * 4, encoding="utf-8")
    bench.run(f"data.sources=[{{path: {source}}}]")
    assert records.read(bench.root).stage("data").inputs == [source]
    body = Path(source).read_bytes()
    Path(source).unlink()
    assert stale(bench) == {}
    Path(source).write_bytes(body + b"{}\n")
    assert "data" in stale(bench)


def test_a_copied_run_is_not_done_again(bench: Bench) -> None:
    """`cp -r` gives every file a new time; nothing in it is different."""
    bench.run()
    bench.engine.calls  # noqa: B018 - forgets them
    bench.root = Path(shutil.copytree(bench.root, bench.folder / "copy", copy_function=shutil.copy))
    for path in bench.root.rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    told = bench.run()
    assert (bench.engine.stages, told.skips) == ([], ALL)


def test_a_clock_that_goes_wrong_fails_no_stage(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files from a server whose clock is an hour behind are new all the same."""
    for path in (bench.engine.root / "made").rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    bench.run()
    assert records.read(bench.root).state == "done"


def test_what_cannot_be_planned_fails_before_the_first_stage(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = stages.plan

    def impossible(stage: str, *rest: object) -> object:
        if stage == "merge":
            raise UsageError("This merge cannot be planned.")
        return real(stage, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(stages, "plan", impossible)
    with pytest.raises(UsageError, match="cannot be planned"):
        bench.run()
    assert not bench.root.exists()
    assert bench.engine.stages == []


def test_from_and_until_are_checked_at_once(bench: Bench) -> None:
    with pytest.raises(UsageError, match="Nothing lies between --from convert and --until check"):
        bench.run(first="convert", last="check")
    with pytest.raises(UsageError, match="cannot start at train: data is not done") as caught:
        bench.run(first="train")
    assert caught.value.retry == ("--from", "data")
    assert bench.engine.stages == []
    bench.run(last="render")
    with pytest.raises(UsageError, match="check is not done"):
        bench.run(first="train")


def test_the_record_is_read_under_the_lock(bench: Bench) -> None:
    """What another process finished meanwhile counts."""
    runner = Runner(small_job(bench.folder), bench.root, Told(), bench.engine.environment)
    bench.run()
    bench.engine.calls  # noqa: B018
    runner.run(selection_of_all())
    assert bench.engine.stages == []


def selection_of_all() -> object:
    from orchestrator.running.deciding import Selection

    return Selection()


def test_a_failed_planner_leaves_the_stage_and_the_error_in_the_record(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = stages.plan, []

    def late(stage: str, *rest: object) -> object:
        calls.append(stage)
        if stage == "merge" and calls.count("merge") > 1:
            raise RecipeError("The adapter cannot be planned with.")
        return real(stage, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(stages, "plan", late)
    with pytest.raises(RecipeError, match="cannot be planned with"):
        bench.run()
    merge = records.read(bench.root).stage("merge")
    assert (merge.state, merge.error) == ("failed", "The adapter cannot be planned with.")


def second(bench: Bench, *sets: str) -> Told:
    """Another run of the recipe beside the first, which may take over its stages."""
    told = Told()
    first = (bench.root, records.read(bench.root))
    runner = Runner(
        small_job(bench.folder, *sets),
        bench.folder / "second",
        told,
        bench.engine.environment,
        others=lambda: [first],
    )
    runner.run(selection_of_all())  # type: ignore[arg-type]
    return told


def test_another_run_takes_over_the_stages_that_are_equal(bench: Bench) -> None:
    bench.run()
    bench.engine.calls  # noqa: B018
    told = second(bench, "export.max_shard_size=1GB")
    assert bench.engine.stages == ["merge", "tokenizer"]
    taken = [note.partition(":")[0] for note in told.notes if "taken over" in note]
    assert taken == ["data", "model", "check", "train", "convert"]
    record = records.read(bench.folder / "second")
    assert (record.state, records.stale(record, bench.folder / "second")) == ("done", {})
    assert record.stage("train").facts == records.read(bench.root).stage("train").facts
    # The first run is as it was, and stands by itself when the second is gone.
    shutil.rmtree(bench.folder / "second")
    assert stale(bench) == {}


def test_a_damaged_stage_is_not_taken_over(bench: Bench) -> None:
    bench.run()
    (bench.root / "work" / "iter_8.pth").write_bytes(b"cut")
    bench.engine.calls  # noqa: B018
    second(bench, "export.max_shard_size=1GB")
    assert bench.engine.stages == AFTER_CHECK


def test_an_engine_left_behind_on_another_machine_is_not_stepped_over(bench: Bench) -> None:
    bench.root.mkdir()
    (bench.root / ".engine").write_text("1 5 host=another-machine\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="still be at work on another-machine"):
        leftover.end(bench.root)
    with pytest.raises(RecipeError, match="another-machine"):
        bench.run()


def test_the_lock_says_who_holds_it(bench: Bench) -> None:
    paths = layout.RunPaths(bench.root)
    with (
        records.claimed(paths),
        pytest.raises(RecipeError, match="Another process") as caught,
        records.claimed(paths),
    ):
        raise AssertionError("claimed twice")
    assert f"process {os.getpid()} on " in str(caught.value.why)


def test_a_python_is_remembered_once_it_has_shown_that_it_holds_the_engine(bench: Bench) -> None:
    def without_an_engine() -> Environment:
        raise RecipeError("This Python holds no engine.")

    def run_with(python: str, environment: Callable[[], Environment]) -> None:
        job = small_job(bench.folder)
        runner = Runner(job, bench.root, Told(), environment, python=python)
        runner.run(selection_of_all())  # type: ignore[arg-type]

    with pytest.raises(RecipeError, match="holds no engine"):
        run_with("/no/engine", without_an_engine)
    assert records.read(bench.root).python is None
    run_with("/with/engine", bench.engine.environment)
    assert records.read(bench.root).python == "/with/engine"
    bench.run()
    assert records.read(bench.root).python == "/with/engine"


def test_a_copy_of_a_run_does_not_end_the_engine_of_the_first(bench: Bench) -> None:
    bench.root.mkdir()
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as engine:
        leftover.note(bench.root, engine.pid)
        copy = bench.root.with_name("copy")
        shutil.copytree(bench.root, copy)
        assert not leftover.end(copy)
        assert engine.poll() is None
        assert leftover.end(bench.root)
