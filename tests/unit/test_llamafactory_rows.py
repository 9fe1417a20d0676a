"""Demo files of LLaMA-Factory through a run's data stage: every field arrives, under its column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base.errors import RecipeError
from orchestrator.engines.job import Job
from orchestrator.engines.registry import engine_of
from orchestrator.planning import feasible
from orchestrator.planning.job import build
from orchestrator.planning.stages.data import ConvertRows
from orchestrator.recipe.faults import RecipeFaults
from tests.support import demo_rows

SHAPES: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("dpo_en_demo.json", "dpo", "alpaca", ("chosen", "rejected", "history")),
    ("dpo_en_demo.json", "rm", "sharegpt", ("chosen", "rejected")),
    ("dpo_zh_demo.json", "dpo", "alpaca", ("chosen", "rejected", "input")),
    ("kto_en_demo.json", "kto", "alpaca", ("kto_tag",)),
    ("kto_en_demo.json", "kto", "sharegpt", ("kto_tag",)),
    ("glaive_toolcall_en_demo.json", "sft", "sharegpt", ("tools",)),
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def job_of(file: str, stage: str, rows: str, *more: str) -> Job:
    demo_rows.write(file, Path.cwd())
    sets = (f"data={{sources: [{{path: {file}}}], rows: {rows}}}", f"train.stage={stage}", *more)
    return build(feasible.load("self-cognition-llamafactory", sets=sets, params=["name=我"]))


def converted(job: Job) -> list[dict[str, Any]]:
    ConvertRows(job).run(Path("run"), lambda _done, _total, _what: None)
    lines = Path("run/data/train.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def entry_of(job: Job) -> dict[str, Any]:
    files = {file.path: file.text for file in engine_of(job).files(job)}
    found: dict[str, Any] = json.loads(files["dataset_info.json"])["train"]
    return found


@pytest.mark.parametrize(("file", "stage", "rows", "columns"), SHAPES)
def test_the_entry_declares_just_what_every_row_has(
    file: str, stage: str, rows: str, columns: tuple[str, ...]
) -> None:
    job = job_of(file, stage, rows)
    written, entry = converted(job), entry_of(job)
    assert len(written) == len(demo_rows.DEMOS[file])
    for row in written:
        assert set(row) == set(entry["columns"].values())
    assert set(columns) <= set(entry["columns"].values())
    assert entry.get("ranking", False) == (stage in ("dpo", "rm"))
    assert ("tags" in entry) == (rows == "sharegpt")


def test_no_word_of_a_pair_a_verdict_or_a_call_is_lost() -> None:
    rows = converted(job_of("dpo_en_demo.json", "dpo", "alpaca"))
    long = next(row for row in rows if row["history"])
    assert long["history"] == [["Hi! Help me cook.", "Sure."]]
    assert (long["chosen"], long["rejected"]) == ("Here is a recipe.", "No.")
    rows = converted(job_of("kto_en_demo.json", "kto", "alpaca"))
    assert sorted((row["output"], row["kto_tag"]) for row in rows) == [
        ("Banana.", False),
        ("D! Science!", True),
    ]
    rows = converted(job_of("glaive_toolcall_en_demo.json", "sft", "sharegpt"))
    long = next(row for row in rows if len(row["conversations"]) == 4)
    assert [turn["from"] for turn in long["conversations"]] == [
        "human",
        "function_call",
        "observation",
        "gpt",
    ]
    assert json.loads(long["tools"])[0]["name"] == "search"


def test_calls_of_tools_are_refused_where_they_have_no_place() -> None:
    job = job_of("glaive_toolcall_en_demo.json", "sft", "alpaca")
    with pytest.raises(RecipeError, match="tools") as caught:
        converted(job)
    assert "--set data.rows=sharegpt" in str(caught.value)


@pytest.mark.parametrize(
    ("file", "kind"), [("mllm_demo.json", "images"), ("mllm_video_demo.json", "videos")]
)
def test_pictures_reach_a_model_that_sees_and_no_other(file: str, kind: str) -> None:
    job = job_of(file, "sft", "alpaca", "model.template=qwen2_vl")
    written, entry = converted(job), entry_of(job)
    assert entry["columns"][kind] == kind
    assert sorted(len(row[kind]) for row in written) == sorted(
        len(row.get(kind, [])) for row in demo_rows.DEMOS[file]
    )
    assert all(set(row) == set(entry["columns"].values()) for row in written)
    train = next(file.text for file in engine_of(job).files(job) if file.path == "train.yaml")
    assert f"media_dir: {Path.cwd()}" in train.replace('"', "")
    with pytest.raises(RecipeError, match=kind):
        converted(job_of(file, "sft", "alpaca"))


def test_a_row_format_that_the_engine_does_not_read_is_a_fault() -> None:
    for engine, meant in (("llamafactory@0.9.5", "sharegpt"), ("xtuner@0.2.0", "conversation")):
        with pytest.raises(RecipeFaults) as caught:
            feasible.load("medqa-qlora", sets=["data.rows=sharegtp"], engine=engine)
        assert meant in {f.meant for f in caught.value.faults if f.key == "data.rows"}
