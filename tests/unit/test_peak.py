"""The measured peak of a stage: seen by the driver, recorded, and used by the next run."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.base.layout import RunPaths
from orchestrator.engines.job import Job
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build
from orchestrator.preflight.fitting import fit
from orchestrator.running import peak
from orchestrator.running import record as records
from tests.support.fake_engine import small_job

#: 1,000 MiB are used by others; then the training comes, has its peak, and ends.
TOOL = """#!/bin/sh
n=$(cat "$0.n" 2>/dev/null || echo 0); n=$((n+1)); echo $n > "$0.n"
used=1000; [ $n -ge 2 ] && used=13288; [ $n -ge 4 ] && used=9000
echo "0, GPU-0aa, NVIDIA A100, 40960, $used, 8.0, 550.54"
echo "1, GPU-1aa, NVIDIA A100, 40960, 700, 8.0, 550.54"
"""


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(TOOL)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(peak, "EVERY", 0.05)
    return build(load("medqa-qlora"), must_find_rows=False)


def test_a_stages_peak_is_recorded_and_used(job: Job) -> None:
    with peak.watched(job) as seen:
        time.sleep(0.4)
    facts = peak.keep(seen, job, "train")
    assert facts["gpu_peak"] == {
        "bytes": 12 * 2**30,
        "gpu": "NVIDIA A100",
        "gpus": 1,
        "when": facts["gpu_peak"]["when"],  # type: ignore[index]
    }
    assert fit(job.recipe).stages[0].gpu == 12 * 2**30


def test_a_rehearsal_is_not_measured(job: Job) -> None:
    rehearsal = replace(job, standin="native")
    with peak.watched(rehearsal) as seen:
        pass
    assert peak.keep(seen, rehearsal, "train") == {}


def test_a_failing_stage_ends_the_watching(job: Job) -> None:
    with pytest.raises(RuntimeError), peak.watched(job):
        raise RuntimeError


def test_a_run_notes_what_it_was_expected_to_take(tmp_path: Path) -> None:
    """Of the real recipe, in a rehearsal too; of a model that nobody knows, nothing."""
    found = peak.expected(load("medqa-qlora", environ={}).recipe)
    stages = found["stages"]
    assert isinstance(stages, dict)
    assert list(stages) == ["train", "convert", "merge"]
    assert 5e9 < stages["train"]["gpu"] < 30e9
    assert peak.expected(small_job(tmp_path).recipe) == {}
    record = records.begun(small_job(tmp_path), None, found)
    records.save(record, RunPaths(tmp_path))
    assert records.read(tmp_path).estimate == found
