"""A file of another program in a recipe's place is called what it is, in one error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import UsageError
from orchestrator.planning.feasible import load
from orchestrator.recipe.faults import RecipeFaults
from orchestrator.recipe.foreign import names_in
from orchestrator.recipe.yaml_tree import parse

TRAINING = """\
### model
model_name_or_path: meta-llama/Meta-Llama-3-8B-Instruct
### method
stage: sft
do_train: true
finetuning_type: lora
lora_target: all
### dataset
dataset: identity,alpaca_en_demo
template: llama3
cutoff_len: 2048
output_dir: saves/llama3-8b/lora/sft
per_device_train_batch_size: 1
learning_rate: 1.0e-4
"""
EXPORT = """\
model_name_or_path: meta-llama/Meta-Llama-3-8B-Instruct
adapter_name_or_path: saves/llama3-8b/lora/sft
template: llama3
export_dir: models/llama3_lora_sft
"""
DATA_SETS = json.dumps({"identity": {"file_name": "identity.json"}, "x": {"hf_hub_url": "a/b"}})
CONFIG = """\
# Copyright (c) OpenMMLab. All rights reserved.
import torch
from mmengine.dataset import DefaultSampler

# Model
pretrained_model_name_or_path = 'internlm/internlm-chat-7b'
prompt_template = PROMPT_TEMPLATE.internlm_chat
lr = 2e-4
SYSTEM = "a\\d"
train_dataloader = dict(batch_size=1, num_workers=0)
train_cfg = dict(type=TrainLoop, max_epochs=3)
"""


def refused(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load(str(path), environ={})
    assert not isinstance(caught.value, RecipeFaults), caught.value
    assert " new my-" in str(caught.value.fix)
    return caught.value.what


@pytest.mark.parametrize("name", ["pasted.yaml", "pasted.yml", "pasted.json"])
@pytest.mark.parametrize("text", [TRAINING, EXPORT])
def test_a_configuration_of_the_other_engine_is_one_error(
    tmp_path: Path, name: str, text: str
) -> None:
    said = refused(tmp_path / name, text)
    assert said == "This is a configuration of LLaMA-Factory, not a recipe."


def test_a_broken_one_is_told_as_broken(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"{TRAINING}resume: [\n", encoding="utf-8")
    with pytest.raises(RecipeFaults, match="not valid YAML"):
        load(str(path), environ={})


def test_a_list_of_data_sets_is_told(tmp_path: Path) -> None:
    assert "dataset_info.json" in refused(tmp_path / "d.json", DATA_SETS)


@pytest.mark.parametrize("name", ["config.yaml", "config.py"])
@pytest.mark.parametrize("text", [CONFIG, CONFIG.replace("\n", "\r\n"), CONFIG[50:]])
def test_a_config_in_python_is_one_error(tmp_path: Path, name: str, text: str) -> None:
    assert refused(tmp_path / name, text[text.index("\n") :]).startswith(
        "This is a config of XTuner"
    )


def test_a_parent_that_is_none_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(TRAINING, encoding="utf-8")
    assert "LLaMA-Factory" in refused(tmp_path / "child.yaml", "extends: ./parent.yaml\n")


@pytest.mark.parametrize(
    "text",
    [
        f"engine: xtuner@0.2.0\n{TRAINING}",
        f"extends: medqa-qlora\n{TRAINING}",
        "title: t\nmodel: {id: m}\ndata: {}\n",
        "",
        "- a\n",
        "x = (",
        "(" * 20_000,
        "x = " + "-" * 20_000 + "1",
    ],
)
def test_a_faulty_recipe_is_told_as_a_recipe(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeFaults):
        load(str(path), environ={})


@given(text=st.text(st.sampled_from("ab=()[]{}'\"#:,-\n \\\t0"), max_size=60))
def test_any_text_has_names_or_none(text: str) -> None:
    names_in(text, parse(text, "r.yaml", []))
