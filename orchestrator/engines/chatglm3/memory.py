"""What the script's training takes: finetune.py's habits as values of the memory formulas.

It loads in 16 bits for P-Tuning and in fp32 for the whole model, and always checkpoints
(finetune.py, lines 107 to 111 and 182); its DeepSpeed file, configs/deepspeed.json, has one reduce
bucket.
"""

from __future__ import annotations

from orchestrator.engines.chatglm3.settings import is_ptuning
from orchestrator.envs.release import Release
from orchestrator.fit.formulas import StageNeed, Training, Zero, train_needs
from orchestrator.fit.shape import Shape
from orchestrator.recipe.schema import Recipe

#: --pre_seq_len of its scripts.
PREFIX = 128
_ZERO: dict[str, Zero] = {"zero1": 1, "zero2": 2, "zero3": 3}


def memory(recipe: Recipe, _release: Release, shape: Shape, gpus: int) -> tuple[StageNeed, ...]:
    """Training alone: nothing is merged."""
    train = recipe.train
    prefix = is_ptuning(recipe)
    zero, _, offload = (train.deepspeed or "").partition("_")
    half = train.precision in ("fp16", "bf16")
    how = Training(
        method="ptuning" if prefix else "full",
        length=train.max_length,
        batch=train.batch_size,
        gpus=gpus,
        prefix=(train.ptuning.prefix_length or PREFIX) if prefix else 0,
        weight_bytes=(train.ptuning.quantization_bit or 16) / 8,
        copies=not prefix and not zero and half,
        optimizer=train.optimizer or "adamw",
        zero=_ZERO.get(zero, 0),
        offload=bool(offload),
        buckets=1 if zero in ("zero1", "zero2") else 0,
        eager=prefix,  # the prefix makes the model hand a mask to its attention
    )
    return (train_needs(shape, how),)
