"""run.json: it comes back as it was, tells who is at work, and finds runs again."""

from __future__ import annotations

import json
import os
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.layout import RunPaths
from orchestrator.running import directories
from orchestrator.running import record as records
from orchestrator.running.record import RunRecord, StageRecord
from orchestrator.running.request import Request

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
    inputs=st.lists(texts),
    outputs=st.dictionaries(texts, st.lists(st.integers() | texts, min_size=2, max_size=3)),
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


@given(run_records.filter(lambda record: record.stages), st.data())
def test_a_value_of_a_wrong_type_is_a_damaged_record(
    tmp_path_factory: pytest.TempPathFactory, record: RunRecord, data: st.DataObject
) -> None:
    """Whatever field it is, of the run, a stage or the request: it is said where it is read."""
    root = tmp_path_factory.mktemp("run")
    value = asdict(replace(record, request=Request(recipe="x", environ={}).identity()))
    place = data.draw(st.sampled_from([value, value["stages"][0], value["request"]]))
    free = ("facts", "request", "estimate", "failure")  # any mapping
    key = data.draw(st.sampled_from([key for key in place if key not in free]))
    place[key] = data.draw(st.sampled_from([{"a": {}}, [{}], [[None]]]))
    (root / "run.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(RecipeError, match="record cannot be read") as caught:
        records.read(root)
    assert "--new" in str(caught.value)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is not a run directory"):
        records.read(tmp_path)


def test_a_stage_is_found_or_begun(tmp_path: Path) -> None:
    record = records.read(a_run(tmp_path / "a" / "1"))
    assert record.stages == []
    record.stage("train").attempts += 1
    assert record.stage("train").attempts == 1
    assert [stage.name for stage in record.stages] == ["train"]


def test_who_is_at_work(tmp_path: Path) -> None:
    here = socket.gethostname()

    def shown(name: str, **more: Any) -> str:
        root = a_run(tmp_path / name / "1", **more)
        return records.shown_state(records.read(root), root)

    # A number of a process proves nothing: it is given away again, and a copy has it too.
    assert shown("killed", state="running", host=here, pid=os.getpid()) == "interrupted"
    assert shown("elsewhere", state="running", host="another-machine", pid=1) == "running"
    assert shown("finished", state="done", host=here, pid=None) == "done"
    root = a_run(tmp_path / "alive" / "1", state="running", host=here, pid=os.getpid())
    copy = tmp_path / "copy" / "1"
    shutil.copytree(root, copy)
    with records.claimed(RunPaths(root)):
        assert records.shown_state(records.read(root), root) == "running"
        assert records.shown_state(records.read(copy), copy) == "interrupted"


def request(**words: Any) -> Request:
    return Request(**{"recipe": "medqa", "environ": {}, **words})


def test_the_same_words_go_on_and_others_begin_another_run(tmp_path: Path) -> None:
    def begun(stamp: str, **words: Any) -> Path:
        asked = request(**words)
        created = f"2026-01-01T00:00:{stamp}"
        root = tmp_path / "medqa" / stamp
        return a_run(root, rehearsal=asked.rehearse, request=asked.identity(), created=created)

    def goes_on(**words: Any) -> Path | None:
        return directories.chosen(tmp_path, "medqa", request(**words), new=False)

    begun("01")
    newest = begun("02")
    rehearsed = begun("03", rehearse=True)
    other = begun("04", sets=("train.epochs=1",))
    assert goes_on() == newest
    assert goes_on(rehearse=True) == rehearsed
    assert goes_on(sets=("train.epochs=1",)) == other
    assert goes_on(sets=("train.epochs=2",)) is None
    assert goes_on(passthrough=("--seed", "1")) is None
    assert goes_on(environ={"RECIPE_SET_TRAIN__EPOCHS": "1"}) is None
    assert directories.chosen(tmp_path, "medqa", request(), new=True) is None
    assert len(directories.all_runs(tmp_path)) == 4


def test_a_damaged_record_is_said_not_stepped_over(tmp_path: Path) -> None:
    good = a_run(tmp_path / "medqa" / "20260102-000000", request=request().identity())
    older = tmp_path / "medqa" / "20260101-000000"
    older.mkdir()
    (older / "run.json").write_text("{", encoding="utf-8")
    assert directories.chosen(tmp_path, "medqa", request(), new=False) == good
    newer = older.rename(tmp_path / "medqa" / "20260103-000000")
    with pytest.raises(RecipeError, match="record cannot be read") as caught:
        directories.chosen(tmp_path, "medqa", request(), new=False)
    assert str(newer) in str(caught.value)
    assert "--new" in str(caught.value)
    assert directories.chosen(tmp_path, "medqa", request(), new=True) is None


def test_a_run_with_a_name(tmp_path: Path) -> None:
    named = request(name="first", sets=("train.epochs=1",))
    assert directories.chosen(tmp_path, "medqa", named, new=False) is None
    root = directories.make(tmp_path, "medqa", "first")
    assert root == tmp_path / "medqa" / "first"
    records.save(records.RunRecord(**RUN, request=named.identity()), RunPaths(root))
    assert directories.chosen(tmp_path, "medqa", named, new=False) == root
    with pytest.raises(UsageError, match="a run called 'first' already") as caught:
        directories.chosen(tmp_path, "medqa", request(name="first"), new=False)
    assert "--set train.epochs=1" in str(caught.value)
    for name in ("../x", "", ".", "a/b", "a\nb", "-x", ".hidden", "a b", "x" * 300):
        with pytest.raises(UsageError):
            directories.chosen(tmp_path, "medqa", request(name=name), new=False)


RUN: dict[str, Any] = {
    "recipe": "medqa",
    "title": "a title",
    "engine": "xtuner@0.2.0",
    "rehearsal": False,
    "changes": [],
    "created": "2026-01-01T00:00:00.000+00:00",
}


def test_runs_that_start_at_once_get_directories_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: directories.make(tmp_path, "medqa"), range(24)))
    assert len(set(made)) == 24
    assert all(root.is_dir() for root in made)


def test_a_place_that_cannot_hold_runs_is_a_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RecipeError, match="cannot be made") as caught:
        directories.make(tmp_path / "file", "medqa")
    assert "RECIPE_RUNS" in str(caught.value)


def test_a_run_is_found_by_what_a_user_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("runs")
    real = a_run(tmp_path / "runs" / "medqa" / "1")
    rehearsed = a_run(tmp_path / "runs" / "medqa" / "2", rehearsal=True)
    assert directories.find_run("medqa", folder) == real  # a real run before a rehearsal
    assert directories.find_run("medqa/2", folder) == rehearsed
    assert directories.find_run(str(rehearsed), folder) == rehearsed
    assert directories.find_run("runs/medqa/1", folder) == real
    with pytest.raises(UsageError, match="no run called 'medqua'") as caught:
        directories.find_run("medqua", folder)
    assert "medqa/1" in str(caught.value)
    with pytest.raises(UsageError, match="no run called") as caught:
        directories.find_run("x", tmp_path / "none")
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
