"""What a rehearsal changes in an XTuner recipe so that it runs on a CPU, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.base.language import say
from orchestrator.engines import rehearsing
from orchestrator.engines.rehearsing import NO_FOUR_BITS, ONE_PROCESS, Change
from orchestrator.recipe.schema import Recipe, Train

MAX_LENGTH = 256


def rehearse(recipe: Recipe) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe as a rehearsal runs it, and the list of changes in words."""
    changed, told = rehearsing.changed(recipe, _changes(recipe.train))
    answers = say(
        "answers to the evaluation prompts: 600 -> 16 new tokens",
        "评估提问的回答：600 -> 16 个新 token",
    )
    return changed, (*told, answers)


def _changes(train: Train) -> Iterator[Change]:
    if train.method == "qlora":
        yield NO_FOUR_BITS
    if train.optimizer and train.optimizer.startswith(("Paged", "AdamW8bit")):
        yield "optimizer", "AdamW", rehearsing.OPTIMIZER
    yield rehearsing.PRECISION
    yield rehearsing.DEEPSPEED
    yield rehearsing.GPUS
    if train.report_to:
        yield "report_to", None, ("a rehearsal has no curve to show", "预演没有可看的曲线")
    if train.workers:
        yield "workers", 0, ONE_PROCESS
    yield "epochs", 1, ("enough to try every step", "足以试遍每一步")
    yield "max_steps", None, rehearsing.SHORT_EPOCH
    yield rehearsing.ACCUMULATE
    yield "logging_steps", 1, ("so that a few iterations give a curve", "让很少的迭代也有曲线")
    yield "warmup_ratio", 0.0, ("too few iterations to warm up", "迭代太少，无法预热")
    yield "flash_attention", None, ("flash attention needs a GPU", "flash attention 需要 GPU")
    yield "max_length", min(train.max_length, MAX_LENGTH), rehearsing.SHORT
