"""What LLaMA-Factory reads: the tutorial's two files, YAML 1.1 numbers, options, hostile text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import UsageError
from orchestrator.engines import registry
from orchestrator.engines.llamafactory import deepspeed, yaml_text
from orchestrator.engines.registry import engine_of
from orchestrator.planning.job import build
from orchestrator.recipe.listing import listing
from orchestrator.recipe.load import load

#: The page's emo_glm4_lora_sft.yaml, typed by hand.
TUTORIAL_TRAIN = {
    "model_name_or_path": "glm-4-9b-chat模型地址的绝对路径",
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "lora_target": "all",
    "dataset": "emo_merged",
    "template": "glm4",
    "cutoff_len": 2048,
    "max_samples": 1000,
    "overwrite_cache": True,
    "preprocessing_num_workers": 16,
    "output_dir": "saves/emo-glm4-epoch10/lora/sft",
    "logging_steps": 10,
    "plot_loss": True,
    "overwrite_output_dir": True,
    "save_strategy": "epoch",
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 8,
    "learning_rate": 1.0e-4,
    "num_train_epochs": 10.0,
    "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.1,
    "fp16": True,
    "do_eval": False,
    "val_size": 0.1,
    "per_device_eval_batch_size": 1,
    "eval_strategy": "steps",
    "eval_steps": 10,
}
#: And its emo_glm4_lora_sft_export.yaml.
TUTORIAL_EXPORT = {
    "model_name_or_path": "glm-4-9b-chat模型地址的绝对路径",
    "adapter_name_or_path": "saves/emo-glm4-epoch10/lora/sft",
    "template": "glm4",
    "finetuning_type": "lora",
    "export_dir": "models/EmoLLM-glm-4-9b-chat",
    "export_size": 2,
    "export_device": "cpu",
    "export_legacy_format": False,
}
#: Key -> what it is here, and why. Everything else is equal.
MEANT = {
    "model_name_or_path": ("./glm-4-9b-chat-hf", "the model is linked into the run"),
    "dataset": ("train", "the run's own rows, under their name in its dataset_info.json"),
    "dataset_dir": (".", "each run has a dataset_info.json of its own"),
    "output_dir": ("adapter", "inside the run"),
    "adapter_name_or_path": ("adapter", "inside the run"),
    "export_dir": ("merged", "inside the run"),
}


def rendered(name: str, *sets: str, rehearse: bool = False) -> dict[str, str]:
    job = build(load(name, sets=sets, environ={}), rehearse=rehearse, must_find_rows=False)
    return {file.path: file.text for file in engine_of(job).files(job)}


def keys(name: str, file: str, *sets: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(rendered(name, *sets)[file])  # a YAML 1.1 reader
    return found


SHIPPED = sorted(one.name for one in listing() if one.engine.startswith("llamafactory@"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_render_as_they_did(name: str, golden: Callable[[str, str], None]) -> None:
    params = ["name=小明"] if load(name, environ={}, complete=False).missing else []
    job = build(load(name, params=params, environ={}), must_find_rows=False)
    files = {file.path: file.text for file in engine_of(job).files(job)}
    assert {"train.yaml", "export.yaml", "chat.yaml", "dataset_info.json"} <= set(files)
    for path, text in files.items():
        golden(f"{name}.{path.replace('/', '.')}", text)


@pytest.mark.parametrize(
    ("file", "tutorial"), [("train.yaml", TUTORIAL_TRAIN), ("export.yaml", TUTORIAL_EXPORT)]
)
def test_the_tutorials_files_key_by_key(file: str, tutorial: dict[str, Any]) -> None:
    ours = keys("emollm-glm4-lora", file, "train.precision=fp16")
    differing = {key for key in {*ours, *tutorial} if ours.get(key) != tutorial.get(key)}
    assert differing == {key for key in MEANT if key in ours}
    assert {key: ours[key] for key in differing} == {key: MEANT[key][0] for key in differing}
    assert all(type(ours[key]) is type(tutorial[key]) for key in tutorial)


def test_precision_auto_is_bf16_and_fp16_only_where_the_gpu_is_old() -> None:
    from dataclasses import replace

    job = build(load("emollm-glm4-lora", environ={}), must_find_rows=False)
    found = []
    for bf16 in (None, True, False):
        (train, *_) = engine_of(job).files(replace(job, bf16=bf16))
        text = yaml.safe_load(train.text)
        found.append((text.get("bf16"), text.get("fp16")))
    assert found == [(True, None), (True, None), (None, True)]


def test_every_column_is_spelled_out() -> None:
    info = json.loads(rendered("emollm-glm4-lora")["dataset_info.json"])
    assert info == {
        "train": {
            "file_name": "data/train.jsonl",
            "formatting": "alpaca",
            "columns": {
                "prompt": "instruction",
                "query": "input",
                "response": "output",
                "system": "system",
                "history": "history",
            },
        }
    }


@given(st.floats(min_value=1e-12, max_value=1e12, allow_nan=False))
def test_a_float_is_a_number_for_yaml_1_1(number: float) -> None:
    text = yaml_text.line(number)
    assert yaml.safe_load(text) == number
    assert isinstance(yaml.safe_load(text), float)


@given(st.text(max_size=60).filter(lambda text: text != "???"))
def test_any_text_stays_that_text(text: str) -> None:
    """What YAML reads back is the text with OmegaConf's escapes and nothing else."""
    read = yaml.safe_load(f"key: {yaml_text.line(text)}")["key"]
    assert read == yaml_text.literal(text)
    assert "${" in text or read == text


def test_a_hostile_option_cannot_add_a_key() -> None:
    evil = 'x"\nexport_dir: /etc\n### ${oc.env:HOME} {{ 1 }}'
    made = keys(
        "emollm-glm4-lora", "train.yaml", f"engine_options={json.dumps({'run_name': evil})}"
    )
    assert "export_dir" not in made
    assert made["run_name"] == evil.replace("${", "\\${")


def test_omegaconfs_word_for_missing_is_refused() -> None:
    with pytest.raises(UsageError, match=r"\?\?\?"):
        yaml_text.line(["???"])


METHODS: list[tuple[tuple[str, ...], dict[str, Any], tuple[str, ...]]] = [
    (("train.method=full",), {"finetuning_type": "full", "output_dir": "work"}, ("lora_target",)),
    (
        ("train.method=freeze", "train.freeze_layers=3"),
        {"finetuning_type": "freeze", "freeze_trainable_layers": 3},
        ("lora_target",),
    ),
    (
        ("train.method=qlora",),
        {"quantization_bit": 4, "quantization_method": "bnb", "double_quantization": True},
        (),
    ),
    (
        ("train.method=qlora", "train.quantization.bits=8"),
        {"quantization_bit": 8},
        ("double_quantization", "quantization_type"),
    ),
    (("train.lora.dora=true",), {"use_dora": True}, ("use_rslora",)),
    (("train.lora.rslora=true",), {"use_rslora": True}, ()),
    (
        ("train.lora={rank: 32, alpha: 64, dropout: 0.05, targets: [q_proj, v_proj]}",),
        {"lora_rank": 32, "lora_alpha": 64, "lora_dropout": 0.05, "lora_target": "q_proj,v_proj"},
        (),
    ),
    (("train.pack=true",), {"packing": True}, ()),
    (("train.neftune_alpha=5",), {"neftune_noise_alpha": 5.0}, ()),
    (("train.flash_attention=fa2",), {"flash_attn": "fa2"}, ()),
    (("train.liger=true",), {"enable_liger_kernel": True}, ()),
    (("train.deepspeed=zero3",), {"deepspeed": "deepspeed/zero3.json"}, ()),
    (("train.gradient_checkpointing=false",), {"disable_gradient_checkpointing": True}, ()),
    (("train.save_steps=50", "train.save_total_limit=2"), {"save_strategy": "steps"}, ()),
    (("train.optimizer=PagedAdamW8bit",), {"optim": "paged_adamw_8bit"}, ()),
    (("train.optimizer=adafactor",), {"optim": "adafactor"}, ()),
    (("train.save_steps=-1",), {"save_strategy": "no"}, ("save_steps",)),
    (("train.report_to=[]",), {"report_to": "none"}, ()),
    (("train.report_to=[wandb, tensorboard]",), {"report_to": ["wandb", "tensorboard"]}, ()),
    (
        ("train.stage=dpo", "train.preference={beta: 1, loss: orpo, sft_share: 0.5}"),
        {"pref_beta": 1.0, "pref_loss": "orpo", "pref_ftx": 0.5},
        (),
    ),
    (("train.stage=dpo", "train.pack=true"), {"stage": "dpo"}, ("packing", "pref_beta")),
    (("train.max_steps=7",), {"max_steps": 7}, ("num_train_epochs",)),
    (("data.shuffle=false",), {"disable_shuffling": True}, ()),
    (("train.precision=fp32",), {}, ("fp16", "bf16")),
    (("train.seed=7",), {"seed": 7}, ()),
    *[((f"train.stage={stage}",), {"stage": stage}, ()) for stage in ("pt", "rm", "dpo", "kto")],
]


@pytest.mark.parametrize(("sets", "there", "absent"), METHODS, ids=lambda one: str(one)[:40])
def test_methods(sets: tuple[str, ...], there: dict[str, Any], absent: tuple[str, ...]) -> None:
    found = keys("emollm-glm4-lora", "train.yaml", *sets)
    assert {key: found.get(key) for key in there} == there
    assert not set(absent) & set(found)


@pytest.mark.parametrize("name", ["zero1", "zero2", "zero2_offload", "zero3", "zero3_offload"])
def test_deepspeed_files(name: str) -> None:
    files = rendered("emollm-glm4-lora", f"train.deepspeed={name}")
    made = json.loads(files[f"deepspeed/{name}.json"])
    assert made == deepspeed.config(name)
    assert made["zero_optimization"]["stage"] == int(name[4])
    assert ("offload_optimizer" in made["zero_optimization"]) == name.endswith("offload")
    assert ("offload_param" in made["zero_optimization"]) == (name == "zero3_offload")


def test_preference_rows_have_their_columns() -> None:
    for stage, extra in (("dpo", "chosen"), ("rm", "rejected"), ("kto", "kto_tag")):
        (entry,) = json.loads(
            rendered("emollm-glm4-lora", f"train.stage={stage}")["dataset_info.json"]
        ).values()
        assert extra in entry["columns"]
        assert entry.get("ranking", False) == (stage in ("dpo", "rm"))
        columns = registry.get("llamafactory").row_columns(
            load("emollm-glm4-lora", sets=[f"train.stage={stage}"], environ={}).recipe
        )
        assert columns is not None
        assert set(entry["columns"].values()) == set(columns)


def test_options_go_where_they_belong() -> None:
    options = {
        "learning_rate": 3e-5,
        "dataloader_drop_last": True,
        "export_hub_model_id": "me/mine",
        "resize_vocab": True,
        "output_dir": "elsewhere",
        "model_name_or_path": "other",
        "template": "chatml",
    }
    sets = f"engine_options={json.dumps(options)}"
    files = rendered("emollm-glm4-lora", sets)
    train, export = (yaml.safe_load(files[name]) for name in ("train.yaml", "export.yaml"))
    assert (train["learning_rate"], train["dataloader_drop_last"]) == (3e-5, True)
    assert list(train).index("learning_rate") < list(train).index("val_size")  # in its place
    assert "export_hub_model_id" not in train
    assert export["export_hub_model_id"] == "me/mine"
    assert (train["resize_vocab"], export["resize_vocab"]) == (True, True)
    assert train["output_dir"] == export["adapter_name_or_path"] == "adapter"
    assert {
        train["template"],
        export["template"],
        yaml.safe_load(files["chat.yaml"])["template"],
    } == {"chatml"}
    job = build(load("emollm-glm4-lora", sets=[sets], environ={}), must_find_rows=False)
    said = "\n".join(job.notes)
    assert "engine_options.output_dir is not used" in said
    assert "engine_options.model_name_or_path is not used" in said


def test_rendering_is_repeatable_and_needs_no_disk(tmp_path: Path) -> None:
    first = rendered("chatglm3-full", rehearse=True)
    assert first == rendered("chatglm3-full", rehearse=True)
    assert not list(tmp_path.iterdir())
