"""Hub data sets and files together: an entry each, with the columns that the recipe says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.base.errors import UsageError
from orchestrator.engines.registry import engine_of
from orchestrator.planning import feasible
from orchestrator.planning.job import build
from orchestrator.recipe.faults import RecipeFaults
from orchestrator.recipe.load import Loaded

NAME = "emollm-glm4-lora"
FILE = {"path": "mine.json"}
HUB = {"dataset": "org/rows"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(*sources: dict[str, Any], sets: tuple[str, ...] = ()) -> Loaded:
    text = {"extends": NAME, "data": {"sources": sources}, "train": {"max_samples": None}}
    Path("mine.yaml").write_text(json.dumps(text), encoding="utf-8")
    return feasible.load("mine.yaml", sets=sets, environ={})


def made(
    *sources: dict[str, Any], sets: tuple[str, ...] = (), rehearse: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """``dataset_info.json`` and ``train.yaml`` of these sources."""
    loaded = load(*sources, sets=sets)
    job = build(loaded, must_find_rows=False, rehearse=rehearse)
    files = {file.path: file.text for file in engine_of(job).files(job)}
    return json.loads(files["dataset_info.json"]), yaml.safe_load(files["train.yaml"])


@pytest.mark.parametrize("order", [(HUB, FILE), (FILE, HUB), (FILE, HUB, FILE)])
def test_a_hub_set_and_a_file_are_both_trained_on(order: tuple[dict[str, Any], ...]) -> None:
    info, train = made(*order)
    assert train["dataset"].split(",") == list(info)
    assert set(info) == {"train", "org_rows"}
    assert next(iter(info)) == ("train" if order[0] is FILE else "org_rows")
    assert info["train"]["file_name"] == "data/train.jsonl"
    assert info["org_rows"]["hf_hub_url"] == "org/rows"
    assert "mix_strategy" not in train


def test_only_declared_columns_of_a_hub_set() -> None:
    """`history` was declared for every data set: KeyError: history."""
    info, _ = made(HUB)
    assert info["org_rows"] == {
        "hf_hub_url": "org/rows",
        "ms_hub_url": "org/rows",
        "formatting": "alpaca",
        "columns": {"prompt": "instruction", "query": "input", "response": "output"},
    }


def test_subset_split_rows_and_columns() -> None:
    source = {
        **HUB,
        "subset": "zh",
        "split": "train[:9]",
        "sample_rows": 5,
        "fields": {"instruction": "question", "output": "answer", "system": "role"},
    }
    info, train = made(source)
    assert train["dataset"] == "org_rows_zh"
    entry = info["org_rows_zh"]
    assert (entry["subset"], entry["split"], entry["num_samples"]) == ("zh", "train[:9]", 5)
    assert entry["columns"] == {"prompt": "question", "response": "answer", "system": "role"}


def test_conversations_have_all_their_tags() -> None:
    source = {**HUB, "fields": {"conversations": "dialog", "images": "pictures"}}
    info, _ = made({**source, "tags": {"role": "who", "assistant": "bot"}})
    entry = info["org_rows"]
    assert entry["formatting"] == "sharegpt"
    assert entry["columns"] == {"messages": "dialog", "images": "pictures"}
    assert entry["tags"] == {
        "role_tag": "who",
        "content_tag": "value",
        "user_tag": "human",
        "assistant_tag": "bot",
        "observation_tag": "observation",
        "function_tag": "function_call",
        "system_tag": "system",
    }
    info, _ = made({**HUB, "format": "messages"})
    assert info["org_rows"]["columns"] == {"messages": "messages"}
    assert info["org_rows"]["tags"]["role_tag"] == "role"
    assert info["org_rows"]["tags"]["user_tag"] == "user"


STAGES: list[tuple[str, str, dict[str, str]]] = [
    ("dpo", "alpaca", {"prompt": "instruction", "query": "input"}),
    ("rm", "sharegpt", {"messages": "conversations"}),
]


@pytest.mark.parametrize(("stage", "form", "asked"), STAGES)
def test_preference_rows_of_a_hub(stage: str, form: str, asked: dict[str, str]) -> None:
    info, _ = made({**HUB, "format": form}, sets=(f"train.stage={stage}",))
    assert info["org_rows"]["ranking"] is True
    assert info["org_rows"]["columns"] == {**asked, "chosen": "chosen", "rejected": "rejected"}


def test_kto_and_texts_of_a_hub() -> None:
    info, _ = made({**HUB, "format": "messages"}, sets=("train.stage=kto",))
    assert info["org_rows"]["columns"] == {"messages": "messages", "kto_tag": "kto_tag"}
    info, _ = made({**HUB, "fields": {"text": "story"}}, sets=("train.stage=pt",))
    assert info["org_rows"]["columns"] == {"prompt": "story"}


def test_weights_become_a_mix() -> None:
    files = [{**FILE, "weight": 1}, {"path": "b.json"}]
    info, train = made({**HUB, "weight": 2}, *files, {"dataset": "org/more", "weight": 0})
    assert list(info) == ["org_rows", "train"]  # weight 0 would never come to its end
    assert train["mix_strategy"] == "interleave_over"
    assert train["interleave_probs"] == "0.5,0.5"


def test_nothing_to_train_on_is_a_fault() -> None:
    with pytest.raises(RecipeFaults, match="weight 0"):
        made({**HUB, "weight": 0})


def test_names_are_unique_and_hold_no_comma() -> None:
    named = [{"dataset": "a,b/train", "name": "train"}, {"dataset": "train"}, {"dataset": "train"}]
    info, train = made(FILE, *named)
    assert len(info) == 4
    assert train["dataset"].split(",") == list(info)


FAULTS: list[tuple[dict[str, Any], str, str, str]] = [
    ({"map_fn": "oasst1_map_fn"}, "", "data.sources.0.map_fn", "null"),
    ({"system": "be brief"}, "", "data.sources.0.system", "null"),
    ({"clean": {"emoji": "x"}}, "", "data.sources.0.clean", "null"),
    ({"format": "sharegtp"}, "", "data.sources.0.format", "sharegpt"),
    ({"format": "xcomposer"}, "", "data.sources.0.format", "alpaca"),
    ({"fields": {"instructions": "q"}}, "", "data.sources.0.fields.instructions", "instruction"),
    ({"tags": {"role": "who"}}, "", "data.sources.0.tags.role", ""),
    ({"format": "messages", "tags": {"usr": "u"}}, "", "data.sources.0.tags.usr", "user"),
    ({"fields": {"instruction": "q"}}, "train.stage=dpo", "data.sources.0.fields", ""),
    ({"format": "messages"}, "train.stage=pt", "data.sources.0.format", "text"),
    ({"format": "alpaca"}, "train.stage=pt", "data.sources.0.format", "text"),
    ({"format": "text"}, "", "data.sources.0.format", "alpaca"),
    ({"format": "text"}, "train.stage=kto", "data.sources.0.format", "alpaca"),
    ({}, "data.split.train=0.9", "data.split.train", "1"),
    ({}, "data.dedupe=near", "data.dedupe", "null"),
]


@pytest.mark.parametrize(("more", "setting", "key", "meant"), FAULTS)
def test_what_a_hub_set_cannot_have_is_a_fault(
    more: dict[str, Any], setting: str, key: str, meant: str
) -> None:
    with pytest.raises(RecipeFaults) as caught:
        made({**HUB, **more}, sets=tuple(filter(None, [setting])))
    found = {fault.key: fault.meant for fault in caught.value.faults}
    assert found[key] == meant


def test_a_sample_over_several_sets_is_refused_and_over_one_is_said() -> None:
    with pytest.raises(RecipeFaults, match=r"train.max_samples.*sample_rows"):
        made(HUB, FILE, sets=("train.max_samples=9",))
    job = build(load(HUB, sets=("train.max_samples=9",)), must_find_rows=False)
    assert "the first rows of the hub data set" in "\n".join(job.notes)


def test_a_rehearsal_downloads_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="org/rows") as caught:
        made(FILE, HUB, rehearse=True)
    assert "--set data.sources.1.sample=FILE" in str(caught.value)
    sample = tmp_path / "few.json"
    sample.write_text(json.dumps([{"instruction": "q", "output": "a"}]))
    info, _ = made({**HUB, "sample": str(sample)}, rehearse=True)
    assert list(info) == ["train"]
