"""What LLaMA-Factory cannot do is a fault of the recipe: key, place, reason and nearest choice."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.engines import llamafactory
from orchestrator.engines.llamafactory.options import EXPORT_ONLY, SHARED
from orchestrator.engines.llamafactory.settings import OPTIMIZERS
from orchestrator.engines.llamafactory.words import words
from orchestrator.engines.registry import engine_plan
from orchestrator.planning import feasible
from orchestrator.planning.job import build
from orchestrator.planning.script import commands_script
from orchestrator.recipe.faults import Fault, RecipeFaults
from orchestrator.recipe.schema import Recipe


def faults(*sets: str, name: str = "emollm-glm4-lora") -> dict[str, Fault]:
    try:
        feasible.load(name, sets=sets, environ={})
    except RecipeFaults as caught:
        return {fault.key: fault for fault in caught.faults}
    return {}


def options(text: str) -> str:
    return f"engine_options={{{text}}}"


#: Setting, the key that is named, the nearest choice, words of the message.
CASES: list[tuple[str, str, str, str]] = [
    ("export.max_shard_size=500MB", "export.max_shard_size", "1GB", "whole gigabytes"),
    ("train.lora.alpha=16.5", "train.lora.alpha", "16", "whole number"),
    ("train.optimizer=AdamW9bit", "train.optimizer", "AdamW8bit", "knows no"),
    ("train.optimizer=paged_adam_8bit", "train.optimizer", "paged_adamw_8bit", "knows no"),
    ("train.scheduler=cosin", "train.scheduler", "cosine", "knows no"),
    ("train.report_to=[tensorbord]", "train.report_to", "tensorboard", "knows no"),
    ("train.preference.beta=0.1", "train.preference.beta", "", "stage sft"),
    ("env={USE_RAY: '1'}", "env.USE_RAY", "", "train.gpus"),
    ("env={USE_MCA: '1'}", "env.USE_MCA", "", "Megatron"),
    ("env={ACCELERATE_USE_FSDP: 'true'}", "env.ACCELERATE_USE_FSDP", "", "train.gpus"),
    ("env={USE_V1: '1'}", "env.USE_V1", "", "other trainer"),
    ("env={NPROC_PER_NODE: '2'}", "env.NPROC_PER_NODE", "", "train.gpus"),
    ("data.dedupe=near", "", "", ""),
    (options("'a b': 1"), "engine_options.a b", "", "no such key"),
    (options("finetuning_type: full"), "engine_options.finetuning_type", "", "train.method"),
    (options("finetuning_type: oft"), "engine_options.finetuning_type", "", "oft is not wrapped"),
    (options("stage: dpo"), "engine_options.stage", "", "train.stage"),
    (options("stage: ppo"), "engine_options.stage", "", "ppo is not wrapped"),
    (options("lerning_rate: 1"), "engine_options.lerning_rate", "learning_rate", "no such key"),
    (options("export_sise: 2"), "engine_options.export_sise", "export_size", "no such key"),
    (options("pref_loss: sigmod"), "engine_options.pref_loss", "sigmoid", "it takes"),
    (options("export_device: gpu"), "engine_options.export_device", "cpu", "it takes cpu or auto"),
    (options("warmup_ratio: a lot"), "engine_options.warmup_ratio", "", "number"),
    (options("mask_history: sometimes"), "engine_options.mask_history", "", "true or false"),
    (options("optim: adamw_torc"), "engine_options.optim", "adamw_torch", "knows no"),
    (options("lr_scheduler_type: cos"), "engine_options.lr_scheduler_type", "cosine", "knows no"),
    (options("ray_num_workers: 4"), "engine_options.ray_num_workers", "", "train.gpus"),
    (options("deepspeed: examples/ds.json"), "engine_options.deepspeed", "", "train.deepspeed"),
    (options("dataset: emo_merged"), "engine_options.dataset", "", "data.sources"),
    (options("dataset: 5"), "engine_options.dataset", "", "data.sources"),
    (options("eval_dataset: [train, {a: 1}]"), "engine_options.eval_dataset", "", "data.sources"),
    (options("optim: [sgd]"), "engine_options.optim", "sgd", "knows no"),
    (options("template: [qwen]"), "engine_options.template", "qwen", "no prompt template"),
    (options("eval_dataset: nowhere"), "engine_options.eval_dataset", "", "data.sources"),
    (options("run_name: '???'"), "engine_options.run_name", "", "OmegaConf"),
    (options("lr_scheduler_kwargs: {a: ['???']}"), "engine_options.lr_scheduler_kwargs", "", ""),
    *(
        (options(f"{key}: hf_x"), f"engine_options.{key}", "", "secret")
        for key in (
            *("hf_hub_token", "hub_token", "ms_hub_token", "push_to_hub_token"),
            "swanlab_api_key",
        )
    ),
]


@pytest.mark.parametrize(("setting", "key", "meant", "words"), CASES, ids=lambda one: str(one)[:45])
def test_one_fault_with_its_key_and_the_nearest_choice(
    setting: str, key: str, meant: str, words: str
) -> None:
    found = faults(setting)
    if not key:
        assert found == {}  # rows of files pass the data stage: nothing is in the way
        return
    assert list(found) == [key]
    assert found[key].meant == meant
    assert words in str(found[key])
    assert "hf_x" not in str(found[key])


def test_everything_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "extends: emollm-glm4-lora\n"
        "model:\n  template: glm5\n"
        "train:\n  optimizer: AdamX\n  scheduler: cosin\n"
        "engine_options:\n  lerning_rate: 1\n"
    )
    with pytest.raises(RecipeFaults) as caught:
        feasible.load(str(recipe), environ={})
    places = {fault.key: fault.at.line for fault in caught.value.faults}
    assert places == {
        "model.template": 3,
        "train.optimizer": 5,
        "train.scheduler": 6,
        "engine_options.lerning_rate": 8,
    }


def test_keys_that_are_placed_are_keys_of_their_file() -> None:
    somewhere: set[str] = set()
    for release in llamafactory.releases:
        known = words(release.version)
        somewhere |= set(known.train) & set(known.export)
        assert SHARED & set(known.train) == SHARED & set(known.export)
        assert set(known.export) >= EXPORT_ONLY
        assert set(OPTIMIZERS.values()) <= set(known.optimizers)
    assert somewhere >= SHARED


FINE = [
    options("dataset: train, eval_dataset: [train]"),
    "train.optimizer=AdamW",
    "train.optimizer=lion_8bit",
    "train.report_to=[wandb, tensorboard]",
    "train.report_to=[]",
    "train.save_steps=-1",
    "env={NCCL_DEBUG: INFO, OMP_NUM_THREADS: '4', FORCE_TORCHRUN: '1'}",
    options("galore_rank: 128, use_galore: true, galore_target: all"),
    options("hf_hub_token: null, deepspeed: /abs/ds.json, dataset_dir: /rows, dataset: mine"),
]


@pytest.mark.parametrize("setting", FINE)
def test_what_can_be_done_is_left_alone(setting: str) -> None:
    assert faults(setting) == {}


@pytest.mark.parametrize("stage", ["dpo", "kto"])
def test_preference_keys_belong_to_their_stage(stage: str) -> None:
    sets = (f"train.stage={stage}", "train.preference={beta: 0.2, loss: orpo, sft_share: 1}")
    assert set(faults(*sets)) == ({"train.preference.loss"} if stage == "kto" else set())
    wrong = faults("train.stage=dpo", "train.preference.loss=sigmod")
    assert wrong["train.preference.loss"].meant == "sigmoid"


def test_the_recipes_variables_reach_every_command_and_the_script() -> None:
    sets = ["env={NCCL_DEBUG: INFO, OMP_NUM_THREADS: '3'}"]
    for name in ("emollm-glm4-lora", "medqa-qlora"):
        loaded = feasible.load(name, sets=sets, environ={})
        for rehearse in (False, True):
            job = build(loaded, rehearse=rehearse, must_find_rows=False)
            for command in engine_plan("train", job).commands:
                assert command.defaults["OMP_NUM_THREADS"] == "3"
            assert 'NCCL_DEBUG="${NCCL_DEBUG:-INFO}"' in commands_script(job)


@pytest.mark.parametrize("template", ["qwen2_vl", "llava", "qwen2_audio", "gemma3"])
def test_a_rehearsal_of_a_model_that_sees_is_refused_before_it_starts(template: str) -> None:
    loaded = feasible.load("emollm-glm4-lora", sets=[f"model.template={template}"], environ={})
    assert isinstance(loaded.recipe, Recipe)
    with pytest.raises(Exception, match=f"{template} cannot be rehearsed"):
        build(loaded, rehearse=True, must_find_rows=False)
    assert build(loaded, must_find_rows=False).rehearsal is False
