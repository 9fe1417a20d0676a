"""What LLaMA-Factory's stages take: its files, as they are rendered, as values of the formulas.

Read from llamafactory/hparams/*.py (defaults), llamafactory/model/adapter.py (trained weights are
fp32 unless pure_bf16), model/model_utils/checkpointing.py and train/tuner.py of 0.9.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.base.language import say
from orchestrator.engines.job import FoundSource, Job
from orchestrator.engines.llamafactory import deepspeed, settings
from orchestrator.envs.release import Release
from orchestrator.fit.formulas import Need, StageNeed, Training, Zero, hold, train_needs
from orchestrator.fit.shape import Shape, Unknown
from orchestrator.recipe.schema import Recipe

RANK = 8
#: Layers that `freeze` trains by default.
FROZEN_ALL_BUT = 2
#: Options that change memory in a way that no published figure was compared with.
_UNKNOWN = (
    *("additional_target", "enable_liger_kernel_config", "fsdp", "fp8", "infer_dtype"),
    *("mixture_of_depths", "shift_attn", "use_apollo", "use_badam", "use_galore"),
    *("use_llama_pro", "use_mca", "use_muon", "use_unsloth", "use_unsloth_gc"),
)


def memory(recipe: Recipe, release: Release, shape: Shape, gpus: int) -> tuple[StageNeed, ...]:
    """train and, where a model is exported, export: on the host unless the recipe says cuda."""
    try:
        needs = [train_needs(shape, training(recipe, release, gpus))]
    except Unknown as why:
        needs = [StageNeed("train", Need(unknown=str(why)), Need(unknown=str(why)))]
    if recipe.export.merge:
        needs.append(hold(shape, "export", on_gpu=recipe.export.device == "cuda"))
    return tuple(needs)


def training(recipe: Recipe, release: Release, gpus: int) -> Training:
    """The recipe's training as ``train.yaml`` says it; :class:`Unknown` for what is not counted."""
    sources = tuple(FoundSource(source) for source in recipe.data.sources)
    job = Job(name="recipe", recipe=recipe, release=release, sources=sources)
    given = {key: value for group in settings.train(job) for key, value in group.keys.items()}
    _refuse(recipe, given)
    zero, offload = _zero(recipe, given)
    method = _method(given)
    half = bool(given.get("pure_bf16"))
    target = str(given.get("lora_target", "all"))
    whole = method in ("full", "freeze")
    return Training(
        method=method,
        length=int(given["cutoff_len"]),
        batch=int(given["per_device_train_batch_size"]),
        gpus=gpus,
        rank=int(given.get("lora_rank", RANK)),
        targets=() if target == "all" else tuple(one.strip() for one in target.split(",")),
        layers=int(given.get("freeze_trainable_layers", FROZEN_ALL_BUT)),
        bits=int(given.get("quantization_bit", 4)),
        double_quantization=bool(given.get("double_quantization", True)),
        weight_bytes=2 if {"bf16", "fp16", "pure_bf16"} & given.keys() else 4,
        embedding_bytes=2 if {"bf16", "fp16", "pure_bf16"} & given.keys() else 4,
        pure=half and not zero,
        copies=whole and not half and not zero and bool({"bf16", "fp16"} & given.keys()),
        optimizer=str(given.get("optim", "adamw_torch")),
        zero=zero,
        offload=offload,
        buckets=1 if zero in (1, 2) else 0,  # overlap_comm is false in its files
        checkpointing=not given.get("disable_gradient_checkpointing"),
        eager=given.get("flash_attn") == "disabled",
        fused_loss=bool(given.get("enable_liger_kernel")),
    )


def _method(given: Mapping[str, Any]) -> Any:
    kind = given["finetuning_type"]
    return "qlora" if kind == "lora" and given.get("quantization_bit") else kind


def _refuse(recipe: Recipe, given: Mapping[str, Any]) -> None:
    odd = next((key for key in _UNKNOWN if given.get(key)), None)
    if odd is not None:
        raise Unknown(say(f"what {odd} changes is not counted", f"{odd} 带来的变化未计入"))
    if recipe.train.stage not in ("sft", "pt"):
        raise Unknown(
            say(
                f"the stage {recipe.train.stage} runs several passes a step, which are not counted",
                f"{recipe.train.stage} 阶段每步要多次前向计算，未计入",
            )
        )


def _zero(recipe: Recipe, given: Mapping[str, Any]) -> tuple[Zero, bool]:
    """The ZeRO stage and whether it offloads; a DeepSpeed file of one's own is not read."""
    own, name = given.get("deepspeed"), recipe.train.deepspeed
    if own and (name is None or own != deepspeed.path(name)):
        raise Unknown(say(f"{own} is not read here", f"此处不读取 {own}"))
    if name is None:
        return 0, False
    stage: dict[str, Zero] = {"zero1": 1, "zero2": 2, "zero3": 3}
    zero, _, offload = name.partition("_")
    return stage[zero], bool(offload)
