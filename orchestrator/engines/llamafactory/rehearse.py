"""What a rehearsal changes so that a recipe runs on a CPU in a minute, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.engines import rehearsing
from orchestrator.engines.llamafactory.capabilities import CPU_FOUR_BITS, OF
from orchestrator.engines.llamafactory.template_names import sees
from orchestrator.engines.rehearsing import Change
from orchestrator.recipe.schema import Recipe

MAX_LENGTH = 512
#: Options that need a GPU or another machine: a rehearsal leaves them out.
_GPU_OPTIONS = (
    "bf16", "fp16", "pure_bf16", "fp8", "tf32", "deepspeed", "fsdp", "fsdp_config", "use_unsloth",
    "use_unsloth_gc", "enable_liger_kernel", "flash_attn", "ddp_timeout", "optim",
)  # fmt: skip
#: Options that a rehearsal bounds: one process, few rows, few steps.
_AT_MOST = {
    "preprocessing_num_workers": 1,
    "dataloader_num_workers": 0,
    "logging_steps": 1,
    "num_train_epochs": 1.0,
    "max_steps": 16,
    "gradient_accumulation_steps": 1,
    "cutoff_len": MAX_LENGTH,
}

_FEW = ("one process, few steps", "一个进程，很少的步数")


def rehearse(recipe: Recipe) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe as a rehearsal runs it, and the list of changes in words.

    UsageError for a model that sees or hears: a stand-in is made of text alone.
    """
    if sees(recipe):
        raise UsageError(
            say(
                f"A model with the template {recipe.model.template} cannot be rehearsed.",
                f"模板为 {recipe.model.template} 的模型不能预演。",
            ),
            where="model.template",
            why=say(
                "it sees or hears, and a rehearsal's stand-in has no processor for that",
                "它能看或能听，而预演的替身没有相应的处理器",
            ),
            fix=say(
                "leave out --rehearse; --until check looks at files and rows first",
                "去掉 --rehearse；--until check 会先检查文件和数据",
            ),
        )
    changed, told = rehearsing.changed(recipe, _changes(recipe))
    changed, more = _with_few_options(changed)
    return changed, (*told, *more)


def _changes(recipe: Recipe) -> Iterator[Change]:
    train = recipe.train
    if train.method == "qlora" and CPU_FOUR_BITS not in OF[recipe.engine_version]:
        yield rehearsing.NO_FOUR_BITS
    if train.optimizer and train.optimizer.lower().startswith(("paged", "adamw8bit", "adamw_bnb")):
        yield "optimizer", "adamw_torch", rehearsing.OPTIMIZER
    yield rehearsing.PRECISION
    yield rehearsing.DEEPSPEED
    yield rehearsing.GPUS
    yield "epochs", 1.0, ("a few steps are enough to try every stage", "几步就足以试遍每个阶段")
    yield "max_steps", None, rehearsing.SHORT_EPOCH
    yield rehearsing.ACCUMULATE
    yield "warmup_ratio", 0.0, ("too few steps to warm up", "步数太少，无法预热")
    if train.report_to:
        yield rehearsing.NO_TRACKER
    yield "save_steps", None, ("one checkpoint, after the epoch", "只在轮次结束时保存一次")
    yield rehearsing.CURVE
    yield rehearsing.WORKERS
    yield "liger", None, ("Liger kernels need a GPU", "Liger 内核需要 GPU")
    if train.flash_attention == "fa2":
        why = ("FlashAttention-2 needs a GPU", "FlashAttention-2 需要 GPU")
        yield "flash_attention", "auto", why
    yield "max_length", min(train.max_length, MAX_LENGTH), rehearsing.SHORT


def _with_few_options(recipe: Recipe) -> tuple[Recipe, list[str]]:
    options, told = rehearsing.without(recipe.engine_options, _GPU_OPTIONS)
    for key, most in _AT_MOST.items():
        value = options.get(key)
        if value is not None and value > most:
            told.append(rehearsing.told_of(f"engine_options.{key}", value, most, _FEW))
            options[key] = most
    return recipe.model_copy(update={"engine_options": options}), told
