"""What a rehearsal changes of a recipe's training: values with their reasons, applied and told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.base.language import say
from orchestrator.recipe.schema import Recipe

Change = tuple[str, object, tuple[str, str]]
"""A key of `train`, its value in a rehearsal, and why in English and Chinese."""

NO_FOUR_BITS: Change = (
    "method",
    "lora",
    (
        "this release's bitsandbytes has no 4-bit kernels for a CPU",
        "此版本的 bitsandbytes 没有 CPU 的 4 位算子",
    ),
)
OPTIMIZER = ("bitsandbytes optimizers need a GPU", "bitsandbytes 的优化器需要 GPU")
PRECISION: Change = ("precision", "fp32", ("mixed precision needs a GPU", "混合精度需要 GPU"))
DEEPSPEED: Change = ("deepspeed", None, ("DeepSpeed needs a GPU", "DeepSpeed 需要 GPU"))
ONE_PROCESS = ("one process on the CPU", "CPU 上只用一个进程")
GPUS: Change = ("gpus", None, ONE_PROCESS)
WORKERS: Change = ("workers", None, ONE_PROCESS)
ACCUMULATE: Change = (
    "accumulate",
    1,
    ("so that a few rows give optimizer steps", "让几行数据也能产生优化步"),
)
CURVE: Change = ("logging_steps", 1, ("so that a few steps give a curve", "让几步也有曲线"))
NO_TRACKER: Change = ("report_to", [], ("no tracker is told of a rehearsal", "预演不通知跟踪器"))
A_FEW_STEPS = ("a few steps are enough", "几步就够了")
SHORT_EPOCH = ("one short epoch instead", "改为一个很短的轮次")
SHORT = ("short sequences train fast", "短序列训练快")
NEEDS_GPU = ("it needs a GPU", "需要 GPU")


def changed(recipe: Recipe, changes: Iterable[Change]) -> tuple[Recipe, list[str]]:
    """The recipe with those values, and each that is another one than before in words."""
    train = recipe.train
    others = [change for change in changes if getattr(train, change[0]) != change[1]]
    told = [told_of(f"train.{key}", getattr(train, key), value, why) for key, value, why in others]
    update = {key: value for key, value, _ in others}
    return recipe.model_copy(update={"train": train.model_copy(update=update)}), told


def told_of(key: str, before: object, after: object, why: tuple[str, str]) -> str:
    return f"{key}: {before} -> {after} ({say(*why)})"


def without(options: dict[str, Any], names: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
    """Engine options without those that need a GPU, and each that is left out in words."""
    left_out = say("left out", "去掉")
    gone = [name for name in names if name in options]
    told = [told_of(f"engine_options.{name}", options[name], left_out, NEEDS_GPU) for name in gone]
    return {name: value for name, value in options.items() if name not in gone}, told
