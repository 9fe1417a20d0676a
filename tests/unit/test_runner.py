"""The walk over the stages with a fake engine: what runs, what is skipped, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.base.errors import UsageError
from orchestrator.base.layout import RunPaths
from orchestrator.engines.job import Job
from orchestrator.running import record as records
from orchestrator.running.deciding import Decision, Selection, preview
from orchestrator.running.runner import Runner
from tests.support.fake_engine import FakeEngine, Told, small_job

ALL = ["data", "model", "render", "check", "train", "convert", "merge"]
AFTER_CHECK = ["train", "convert", "merge", "tokenizer"]
WITH_COMMANDS = ["model", "check", *AFTER_CHECK]
"""The engine's processes in order; `tokenizer` looks at the merged model in the merge stage."""


class Bench:
    """One run directory, one fake engine, and a job that a test may change between runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "run"
        self.engine = FakeEngine.make(folder / "engine")
        self.digest = "fake"

    def run(self, *sets: str, job: Job | None = None, **selection: object) -> Told:
        told = Told()
        job = job or small_job(self.folder, *sets)
        runner = Runner(job, self.root, told, lambda: self.engine.environment(self.digest))
        runner.run(Selection(**selection))  # type: ignore[arg-type]
        return told


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_our_own_scripts_warn_of_is_told(bench: Bench) -> None:
    """An engine's own warnings stay in its log."""
    bench.engine.behave("tokenizer", "echo 'warning: it cannot answer'")
    bench.engine.behave("merge", "echo 'warning: of the engine'")
    bench.run()
    assert records.read(bench.root).stage("merge").facts["warnings"] == ["it cannot answer"]


def test_a_first_run_walks_every_stage(bench: Bench) -> None:
    told = bench.run()
    assert told.ended == ALL
    assert bench.engine.stages == WITH_COMMANDS
    record = records.read(bench.root)
    assert (record.state, record.rehearsal, record.pid) == ("done", True, None)
    assert record.stage("convert").facts["adapter"] == {"modules": 2, "tensors": 4, "rank": 2}
    assert record.stage("check").facts["check.json"]["warnings"] == ["few steps"]
    assert record.stage("train").facts["work"]["checkpoint"] == "iter_8.pth"
    assert b"fake train begins" in told.printed
    log = (bench.root / "logs" / "train.log").read_text(encoding="utf-8")
    assert log.startswith("$ xtuner train config.py --work-dir work\n")
    assert "fake train begins" in log


def test_a_finished_run_executes_nothing(bench: Bench) -> None:
    bench.run()
    assert bench.engine.stages
    told = bench.run()
    assert (told.skips, told.commands, bench.engine.stages) == (ALL, [], [])


def test_a_changed_title_changes_no_weight(bench: Bench) -> None:
    bench.run()
    bench.engine.calls  # noqa: B018 - forgets them
    told = bench.run("title=another title")
    assert bench.engine.stages == []
    assert set(told.skips) >= {"data", "check", "train", "convert", "merge"}


@pytest.mark.parametrize(
    ("change", "again", "why"),
    [
        ("train.learning_rate=0.1", ["check", *AFTER_CHECK], "changed: config.py"),
        ("data.split.seed=9", WITH_COMMANDS, "changed: data"),
        ("export.max_shard_size=1GB", ["merge", "tokenizer"], "changed: command 1"),
    ],
)
def test_what_a_change_makes_run_again(
    bench: Bench, change: str, again: list[str], why: str
) -> None:
    bench.run()
    bench.engine.calls  # noqa: B018
    told = bench.run(change)
    assert bench.engine.stages == again
    first = next(stage for stage in told.begun if stage != "render")
    assert told.begun[first] is not None
    assert why in str(told.begun[first])


def test_another_environment_runs_the_engines_stages_again(bench: Bench) -> None:
    bench.run()
    bench.engine.calls  # noqa: B018
    bench.digest = "another"
    told = bench.run()
    assert bench.engine.stages == WITH_COMMANDS
    assert "environment" in str(told.begun["train"])


@pytest.mark.parametrize(
    ("name", "stage", "why"),
    [
        ("adapter/adapter_model.safetensors", "convert", "is missing"),
        ("merged/config.json", "merge", "is missing"),
        ("work/iter_8.pth", "train", "is missing"),
        ("config.py", "render", "is missing"),
    ],
)
def test_a_lost_result_is_made_again(bench: Bench, name: str, stage: str, why: str) -> None:
    bench.run()
    (bench.root / name).unlink()
    told = bench.run()
    assert told.begun[stage] == f"{name} {why}"
    assert (bench.root / name).is_file()


def test_an_edited_result_is_noticed_and_kept_aside(bench: Bench) -> None:
    bench.run()
    (bench.root / "adapter" / "adapter_config.json").write_text('{"r": 4}', encoding="utf-8")
    told = bench.run()
    assert told.begun["convert"] == "adapter/adapter_config.json was changed"
    (aside,) = (bench.root / "superseded").glob("*-convert")
    kept = (aside / "adapter" / "adapter_config.json").read_text(encoding="utf-8")
    assert kept == '{"r": 4}'
    assert any("of the earlier try moved to superseded/" in note for note in told.notes)


def test_from_until_and_force(bench: Bench) -> None:
    bench.run(last="check")
    assert bench.engine.stages == ["model", "check"]
    assert records.read(bench.root).state == "waiting"
    bench.run()
    assert bench.engine.stages == AFTER_CHECK
    bench.run(first="convert", last="convert")
    assert bench.engine.stages == ["convert"]
    bench.run(first="train")
    assert bench.engine.stages == AFTER_CHECK
    bench.run(force=True)
    assert bench.engine.stages == WITH_COMMANDS
    assert len(list((bench.root / "superseded").glob("*-convert*"))) == 3


def test_an_unknown_stage_is_refused_before_anything_runs(bench: Bench) -> None:
    with pytest.raises(UsageError, match="no stage called 'trian'"):
        bench.run(first="trian")
    assert not bench.root.exists()


def look(bench: Bench, *sets: str) -> list[Decision]:
    job = small_job(bench.folder, *sets)
    environment = bench.engine.environment(bench.digest)
    job = replace(job, environment=environment.bin)
    record = records.opened(RunPaths(bench.root), records.begun(job, None))
    return preview(job, bench.root, record, Selection(), environment=environment.lock_digest)


def test_a_preview_writes_nothing(bench: Bench) -> None:
    found = look(bench)
    assert [(one.plan.stage, one.why) for one in found] == [(name, "not done yet") for name in ALL]
    assert not bench.root.exists()
    bench.run()
    before = (bench.root / "run.json").read_bytes()
    assert [one.why for one in look(bench)] == [None] * len(ALL)
    assert (bench.root / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ("data.split.seed=9", ALL),
        ("train.learning_rate=0.1", ["render", "check", "train", "convert", "merge"]),
        ("export.max_shard_size=1GB", ["render", "merge"]),
        ("title=another", ["render"]),
    ],
)
def test_a_preview_carries_a_change_downstream(
    bench: Bench, change: str, stages: list[str]
) -> None:
    """What the plan says runs is what the run then runs, and what moves is named."""
    bench.run()
    found = [one for one in look(bench, change) if one.why is not None]
    assert [one.plan.stage for one in found if one.plan.stage != "render"] == [
        name for name in stages if name != "render"
    ]
    moved = {name for one in found for name in one.moves}
    told = bench.run(change)
    assert set(told.ended) <= {one.plan.stage for one in found}
    for name in moved & {"adapter", "merged", "work"}:
        assert list((bench.root / "superseded").glob(f"*/{name}")), name


def test_a_run_directory_can_be_moved(bench: Bench) -> None:
    bench.run()
    bench.engine.calls  # noqa: B018
    moved = bench.root.rename(bench.folder / "elsewhere")
    bench.root = moved
    told = bench.run()
    assert (bench.engine.stages, told.skips) == ([], ALL)


def test_what_a_rehearsal_changed_is_recorded(bench: Bench) -> None:
    bench.run()
    changes = records.read(bench.root).changes
    assert any(change.startswith("train.method: qlora -> lora") for change in changes)
    assert any(change.startswith("model: some/model-7b -> a tiny stand-in") for change in changes)


def test_a_rehearsal_is_offline_and_its_variables_reach_the_engine(bench: Bench) -> None:
    bench.engine.behave("train", "env > env.txt\n")
    bench.run()
    lines = (bench.root / "env.txt").read_text(encoding="utf-8").splitlines()
    wanted = {
        "HF_HUB_OFFLINE=1",
        "MKL_SERVICE_FORCE_INTEL=1",
        "MKL_THREADING_LAYER=GNU",
        "CUDA_VISIBLE_DEVICES=",
        "PYTHONPATH=shim",
        "PYTHONNOUSERSITE=1",
    }
    assert wanted <= set(lines)
    (path,) = [line for line in lines if line.startswith("PATH=")]
    assert path.startswith(f"PATH={bench.engine.root / 'bin'}:")
