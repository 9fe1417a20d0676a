"""run.json: it comes back as it was, tells who is at work, and finds runs again."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.layout import RunPaths
from orchestrator.running import record as records
from orchestrator.running.record import RunRecord, StageRecord

texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=5,
)
states = st.sampled_from(["waiting", "running", "done", "failed", "interrupted"])
stage_records = st.builds(
    StageRecord,
    name=texts,
    state=states,
    started=st.none() | texts,
    seconds=st.none() | st.floats(0, 1e9),
    attempts=st.integers(0, 99),
    why=st.none() | texts,
    parts=st.dictionaries(texts, texts),
    outputs=st.dictionaries(texts, st.lists(st.integers(), min_size=2, max_size=2)),
    facts=st.dictionaries(texts, json_values),
    error=st.none() | texts,
)
run_records = st.builds(
    RunRecord,
    recipe=texts,
    title=texts,
    engine=texts,
    rehearsal=st.booleans(),
    changes=st.lists(texts),
    created=texts,
    state=states,
    stages=st.lists(stage_records, max_size=3),
    versions=st.dictionaries(texts, texts),
    host=st.none() | texts,
    pid=st.none() | st.integers(1, 1 << 22),
)


def a_run(root: Path, *, rehearsal: bool = False, **more: Any) -> Path:
    record = RunRecord(
        **{
            "recipe": root.parent.name,
            "title": "a title",
            "engine": "xtuner@0.2.0",
            "rehearsal": rehearsal,
            "changes": [],
            "created": records.now(),
            **more,
        }
    )
    root.mkdir(parents=True)
    records.save(record, RunPaths(root))
    return root


@given(run_records)
def test_a_record_comes_back(tmp_path_factory: pytest.TempPathFactory, record: RunRecord) -> None:
    root = tmp_path_factory.mktemp("run")
    records.save(record, RunPaths(root))
    assert records.read(root) == record


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_a_damaged_record_is_one_kind_of_error(
    tmp_path_factory: pytest.TempPathFactory, body: bytes
) -> None:
    root = tmp_path_factory.mktemp("run")
    (root / "run.json").write_bytes(body)
    with pytest.raises(RecipeError, match="record cannot be read") as caught:
        records.read(root)
    assert caught.value.where == str(root / "run.json")


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is not a run directory"):
        records.read(tmp_path)


def test_a_stage_is_found_or_begun(tmp_path: Path) -> None:
    record = records.read(a_run(tmp_path / "a" / "1"))
    assert record.stages == []
    record.stage("train").attempts += 1
    assert record.stage("train").attempts == 1
    assert [stage.name for stage in record.stages] == ["train"]


def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_who_is_at_work(tmp_path: Path) -> None:
    here = socket.gethostname()

    def shown(name: str, **more: Any) -> str:
        return records.shown_state(records.read(a_run(tmp_path / name / "1", **more)))

    assert shown("alive", state="running", host=here, pid=os.getpid()) == "running"
    assert shown("killed", state="running", host=here, pid=gone()) == "interrupted"
    assert shown("elsewhere", state="running", host="another-machine", pid=1) == "running"
    assert shown("another-user", state="running", host=here, pid=1) == "running"
    assert shown("finished", state="done", host=here, pid=None) == "done"


def test_the_newest_run_of_a_mode(tmp_path: Path) -> None:
    a_run(tmp_path / "medqa" / "20260101-000000")
    newest = a_run(tmp_path / "medqa" / "20260102-000000")
    rehearsed = a_run(tmp_path / "medqa" / "20260103-000000", rehearsal=True)
    broken = tmp_path / "medqa" / "20260104-000000"
    broken.mkdir()
    (broken / "run.json").write_text("{", encoding="utf-8")
    assert records.latest(tmp_path, "medqa", rehearsal=False) == newest
    assert records.latest(tmp_path, "medqa", rehearsal=True) == rehearsed
    assert records.latest(tmp_path, "other", rehearsal=True) is None
    assert len(records.all_runs(tmp_path)) == 4


def test_a_run_is_found_by_what_a_user_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("runs")
    real = a_run(tmp_path / "runs" / "medqa" / "1")
    rehearsed = a_run(tmp_path / "runs" / "medqa" / "2", rehearsal=True)
    assert records.find_run("medqa", folder) == real  # a real run before a rehearsal
    assert records.find_run("medqa/2", folder) == rehearsed
    assert records.find_run(str(rehearsed), folder) == rehearsed
    assert records.find_run("runs/medqa/1", folder) == real
    with pytest.raises(UsageError, match="no run called 'medqua'") as caught:
        records.find_run("medqua", folder)
    assert "medqa/1" in str(caught.value)
    with pytest.raises(UsageError, match="no run called") as caught:
        records.find_run("x", tmp_path / "none")
    assert "there is no run in" in str(caught.value)


def test_a_run_is_claimed_by_one(tmp_path: Path) -> None:
    paths = RunPaths(a_run(tmp_path / "medqa" / "1"))
    with (
        records.claimed(paths),
        pytest.raises(RecipeError, match="Another process"),
        records.claimed(paths),
    ):
        raise AssertionError("claimed twice")
    with records.claimed(paths):
        pass
