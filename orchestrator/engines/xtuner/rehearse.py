"""What a rehearsal changes in an XTuner recipe so that it runs on a CPU, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.base.language import say
from orchestrator.recipe.schema import Recipe, Train

MAX_LENGTH = 256
_ONE_PROCESS = ("one process on the CPU", "CPU 上只用一个进程")

Change = tuple[str, object, tuple[str, str]]
"""A key of `train`, its value in a rehearsal, and why in English and Chinese."""


def rehearse(recipe: Recipe) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe as a rehearsal runs it, and the list of changes in words."""
    train = recipe.train
    changes = [one for one in _changes(train) if getattr(train, one[0]) != one[1]]
    said = [
        f"train.{key}: {getattr(train, key)} -> {value} ({say(*why)})"
        for key, value, why in changes
    ]
    said.append(
        say(
            "answers to the evaluation prompts: 600 -> 16 new tokens",
            "评估提问的回答：600 -> 16 个新 token",
        )
    )
    update = {key: value for key, value, _ in changes}
    changed = recipe.model_copy(update={"train": train.model_copy(update=update)})
    return changed, tuple(said)


def _changes(train: Train) -> Iterator[Change]:
    if train.method == "qlora":
        why = "this release's bitsandbytes has no 4-bit kernels for a CPU"
        yield "method", "lora", (why, "此版本的 bitsandbytes 没有 CPU 的 4 位算子")
    if train.optimizer and train.optimizer.startswith(("Paged", "AdamW8bit")):
        why = "bitsandbytes optimizers need a GPU"
        yield "optimizer", "AdamW", (why, "bitsandbytes 的优化器需要 GPU")
    yield "precision", "fp32", ("mixed precision needs a GPU", "混合精度需要 GPU")
    yield "deepspeed", None, ("DeepSpeed needs a GPU", "DeepSpeed 需要 GPU")
    yield "gpus", None, _ONE_PROCESS
    if train.report_to:
        yield "report_to", None, ("a rehearsal has no curve to show", "预演没有可看的曲线")
    if train.workers:
        yield "workers", 0, _ONE_PROCESS
    yield "epochs", 1, ("enough to try every step", "足以试遍每一步")
    yield "max_steps", None, ("one short epoch instead", "改为一个很短的轮次")
    yield "accumulate", 1, ("so that a few rows give optimizer steps", "让几行数据也能产生优化步")
    yield "logging_steps", 1, ("so that a few iterations give a curve", "让很少的迭代也有曲线")
    yield "warmup_ratio", 0.0, ("too few iterations to warm up", "迭代太少，无法预热")
    yield "flash_attention", None, ("flash attention needs a GPU", "flash attention 需要 GPU")
    shorter = min(train.max_length, MAX_LENGTH)
    yield "max_length", shorter, ("short sequences train fast", "短序列训练快")
