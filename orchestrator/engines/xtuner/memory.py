"""What XTuner's stages take: its defaults and habits as values of the memory formulas.

Read from xtuner/model/sft.py (k-bit preparation for every adapter), xtuner/configs/deepspeed/*.json
and xtuner/tools/model_converters/{pth_to_hf,merge}.py of both releases.
"""

from __future__ import annotations

from orchestrator.base.language import say
from orchestrator.engines.xtuner import capabilities as can
from orchestrator.engines.xtuner.values import dtype, optimizer
from orchestrator.envs.release import Release
from orchestrator.fit.formulas import (
    Need,
    StageNeed,
    Training,
    Zero,
    frozen_bytes,
    hold,
    train_needs,
)
from orchestrator.fit.shape import Shape
from orchestrator.recipe.schema import Recipe

#: LoraConfig(r=…) of its reference configs.
RANK = 64
#: Parts of a config that `engine_options` may change, and whose memory is not counted then.
_UNCOUNTED = ("model", "optim_wrapper", "sequence_parallel_size", "train_dataloader")
_ZERO: dict[str, Zero] = {"zero1": 1, "zero2": 2, "zero3": 3}


def memory(recipe: Recipe, release: Release, shape: Shape, gpus: int) -> tuple[StageNeed, ...]:
    """train, convert and, for an adapter that is merged, merge."""
    how = training(recipe, release, gpus)
    odd = next((key for key in recipe.engine_options if key.split(".")[0] in _UNCOUNTED), None)
    if odd is not None:
        why = Need(unknown=say(f"what {odd} changes is not counted", f"{odd} 带来的变化未计入"))
        return tuple(StageNeed(stage, why, why) for stage in ("train", "convert", "merge"))
    needs = [train_needs(shape, how), _convert(recipe, release, shape, how)]
    if recipe.export.merge and recipe.train.method != "full":
        # Without --device transformers spreads the model over GPU and host as they have room.
        chooses = can.MERGE_DEVICE in release.capabilities
        needs.append(hold(shape, "merge", on_gpu=chooses and recipe.export.device != "cpu"))
    return tuple(needs)


def training(recipe: Recipe, release: Release, gpus: int) -> Training:
    """The recipe's training with this engine's own defaults."""
    train = recipe.train
    zero, _, offload = (train.deepspeed or "").partition("_")
    # peft's prepare_model_for_kbit_training makes every weight fp32 that is not quantised; it is
    # called for plain LoRA as well. DeepSpeed then turns the model back into 16 bits.
    frozen = 2 if train.deepspeed and dtype(recipe) != "float32" else 4
    full = train.method == "full"
    half = full and train.precision == "bf16"
    return Training(
        method="full" if full else "qlora" if train.method == "qlora" else "lora",
        length=_option(recipe, "max_length", train.max_length),
        batch=_option(recipe, "batch_size", train.batch_size),
        gpus=gpus,
        rank=train.lora.rank or RANK,
        targets=tuple(train.lora.targets),
        bits=train.quantization.bits,
        double_quantization=train.quantization.double,
        weight_bytes=frozen,
        embedding_bytes=frozen,
        pure=half and not train.deepspeed,
        copies=full and not half and not train.deepspeed and dtype(recipe) != "float32",
        optimizer=str(optimizer(recipe, release).name),
        zero=_ZERO.get(zero, 0),
        offload=bool(offload),
        buckets=2 if zero in ("zero1", "zero2") else 0,  # overlap_comm is true in its files
        checkpointing=train.gradient_checkpointing is not False,
    )


def _option(recipe: Recipe, name: str, value: int) -> int:
    """A variable of the config, which `engine_options` may say instead of the recipe's key."""
    given = recipe.engine_options.get(name, value)
    return given if isinstance(given, int) else value


def _convert(recipe: Recipe, release: Release, shape: Shape, how: Training) -> StageNeed:
    """A quantised model is built again, on the GPU; another one on the host.

    0.2.0 builds an adapter's model without its weights; every trained weight comes in fp32.
    """
    if recipe.train.method == "qlora":
        need = hold(shape, "convert", on_gpu=True)
        weights = frozen_bytes(shape, how)
        return StageNeed("convert", Need({**need.gpu.parts, "weights": weights}), need.host)
    if recipe.train.method == "full":
        return hold(shape, "convert", on_gpu=False, weight_bytes=6)
    on_host = 0 if can.META_CONVERT in release.capabilities else 4
    return hold(shape, "convert", on_gpu=False, weight_bytes=on_host)
