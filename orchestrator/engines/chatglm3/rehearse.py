"""What a rehearsal changes so that finetune.py runs on a CPU in a minute, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.base.language import say
from orchestrator.engines import rehearsing
from orchestrator.engines.rehearsing import A_FEW_STEPS, Change
from orchestrator.recipe.schema import Recipe, Train

MAX_LENGTH = 256
STEPS = 4
_GPU_OPTIONS = ("fp16", "bf16", "tf32", "fsdp", "fsdp_config", "torch_compile", "quantization_bit")
_LENGTHS = ("max_source_length", "max_target_length")


def rehearse(recipe: Recipe) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe as a rehearsal runs it, and the list of changes in words."""
    changed, told = rehearsing.changed(recipe, _changes(recipe.train))
    ptuning = recipe.train.ptuning
    if ptuning.quantization_bit is not None:
        why = say("its kernels need a GPU", "其内核需要 GPU")
        told.append(f"train.ptuning.quantization_bit -> null ({why})")
        whole = ptuning.model_copy(update={"quantization_bit": None})
        changed = changed.model_copy(
            update={"train": changed.train.model_copy(update={"ptuning": whole})}
        )
    options, more = rehearsing.without(recipe.engine_options, _GPU_OPTIONS)
    for key in _LENGTHS:
        if options.get(key, 0) > MAX_LENGTH // 2:
            more.append(f"engine_options.{key}: {options[key]} -> {MAX_LENGTH // 2}")
            options[key] = MAX_LENGTH // 2
    options["use_cpu"] = True
    told += [*more, "engine_options.use_cpu: true"]
    return changed.model_copy(update={"engine_options": options}), tuple(told)


def _changes(train: Train) -> Iterator[Change]:
    if train.precision in ("fp16", "bf16"):
        yield rehearsing.PRECISION
    yield rehearsing.DEEPSPEED
    yield rehearsing.GPUS
    yield "batch_size", 1, ("few rows", "数据很少")
    yield rehearsing.ACCUMULATE
    yield "epochs", None, A_FEW_STEPS
    yield "max_steps", STEPS, A_FEW_STEPS
    yield "save_steps", STEPS // 2, ("one checkpoint on the way", "中途保存一次")
    yield rehearsing.CURVE
    yield rehearsing.WORKERS
    if train.report_to:
        yield rehearsing.NO_TRACKER
    yield "max_length", min(train.max_length, MAX_LENGTH), rehearsing.SHORT
