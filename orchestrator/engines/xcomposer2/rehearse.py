"""What a rehearsal changes so that finetune.py runs on a CPU in a minute, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.base.language import say
from orchestrator.engines import rehearsing
from orchestrator.engines.rehearsing import A_FEW_STEPS, Change
from orchestrator.recipe.schema import Recipe, Train

#: The last step is in no checkpoint: the script itself must have saved it.
STEPS, SAVED = 3, 2
_GPU_OPTIONS = ("fp16", "bf16", "tf32", "fsdp", "fsdp_config", "torch_compile")


def rehearse(recipe: Recipe) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe as a rehearsal runs it, and the list of changes in words."""
    changed, told = rehearsing.changed(recipe, _changes(recipe.train))
    told.append(
        say(
            "rows without pictures: none is trained on, the model's own code moves them to a GPU",
            "不含图片的数据：不参与训练，模型自己的代码会把它们移到 GPU",
        )
    )
    options, more = rehearsing.without(recipe.engine_options, _GPU_OPTIONS)
    return changed.model_copy(update={"engine_options": options}), (*told, *more)


def _changes(train: Train) -> Iterator[Change]:
    yield rehearsing.PRECISION
    yield rehearsing.DEEPSPEED
    yield "gpus", 1, rehearsing.ONE_PROCESS
    yield rehearsing.ACCUMULATE
    yield "max_steps", STEPS, A_FEW_STEPS
    yield "save_steps", SAVED, ("one checkpoint on the way", "中途保存一次")
    yield rehearsing.CURVE
    yield rehearsing.WORKERS
    if train.report_to:
        yield rehearsing.NO_TRACKER
