"""What a rehearsal changes so that a recipe runs on a CPU in a minute, each with its reason."""

from __future__ import annotations

from typing import Any

from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.engines.llamafactory.capabilities import CPU_FOUR_BITS, OF
from orchestrator.engines.llamafactory.template_names import sees
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
    train = recipe.train
    update: dict[str, object] = {}
    said: list[str] = []

    def change(key: str, value: object, why: str) -> None:
        if getattr(train, key) != value:
            said.append(f"train.{key}: {getattr(train, key)} -> {value} ({why})")
            update[key] = value

    if train.method == "qlora" and CPU_FOUR_BITS not in OF[recipe.engine_version]:
        change("method", "lora", "this release's bitsandbytes has no 4-bit kernels for a CPU")
    if train.optimizer and train.optimizer.lower().startswith(("paged", "adamw8bit", "adamw_bnb")):
        change("optimizer", "adamw_torch", "bitsandbytes optimizers need a GPU")
    change("precision", "fp32", "mixed precision needs a GPU")
    change("deepspeed", None, "DeepSpeed needs a GPU")
    change("gpus", None, "one process on the CPU")
    change("epochs", 1.0, "a few steps are enough to try every stage")
    change("max_steps", None, "one short epoch instead")
    change("accumulate", 1, "so that a few rows give optimizer steps")
    change("warmup_ratio", 0.0, "too few steps to warm up")
    if train.report_to:
        change("report_to", [], "no tracker is told of a rehearsal")
    change("save_steps", None, "one checkpoint, after the epoch")
    change("logging_steps", 1, "so that a few steps give a curve")
    change("workers", None, "one process on the CPU")
    change("liger", None, "Liger kernels need a GPU")
    if train.flash_attention == "fa2":
        change("flash_attention", "auto", "FlashAttention-2 needs a GPU")
    change("max_length", min(train.max_length, MAX_LENGTH), "short sequences train fast")
    changed = recipe.model_copy(update={"train": train.model_copy(update=update)})
    changed, more = _with_few_options(changed)
    return changed, (*said, *more)


def _with_few_options(recipe: Recipe) -> tuple[Recipe, list[str]]:
    options: dict[str, Any] = {}
    said = []
    for key, value in recipe.engine_options.items():
        if key in _GPU_OPTIONS:
            said.append(f"engine_options.{key}: {value} -> left out (it needs a GPU)")
        elif key in _AT_MOST and value is not None and value > _AT_MOST[key]:
            most = _AT_MOST[key]
            said.append(f"engine_options.{key}: {value} -> {most} (one process, few steps)")
            options[key] = most
        else:
            options[key] = value
    return recipe.model_copy(update={"engine_options": options}), said
