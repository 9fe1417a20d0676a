"""What a recipe says as flags of finetune.py, in the order of the tutorial's shell scripts.

Source: finetune_chatmodel_demo/scripts/*.sh and arguments.py at the release's commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.base import layout
from orchestrator.engines.job import Job
from orchestrator.engines.upstream.flags import SWITCH
from orchestrator.recipe.schema import Recipe

#: Row format -> what finetune.py calls it.
TRAIN_FORMATS = {"chatglm3": "multi-turn", "prompt-response": "input-output"}
#: pre_seq_len of the tutorial's scripts, of inference.py and of the composite demo.
PREFIX_LENGTH = 128
#: Lengths in tokens that the tutorial's input-output scripts pass.
IO_LENGTHS = {"max_source_length": 1024, "max_target_length": 128}
#: transformers' own, which holds where a script passes none (finetune_ds_multiturn.sh does not).
LEARNING_RATE = 5e-5
DEEPSPEED = "zero2"
FLAGS = Path(__file__).parent / "flags"


def is_ptuning(recipe: Recipe) -> bool:
    """Whether a prefix is trained; else every weight is."""
    return recipe.train.method == "ptuning"


def row_format(recipe: Recipe) -> str:
    """``chatglm3`` or ``prompt-response``."""
    return recipe.data.rows or next(iter(TRAIN_FORMATS))


def prefix_length(recipe: Recipe) -> int:
    """Positions of the prefix (pre_seq_len)."""
    option = recipe.engine_options.get("pre_seq_len")
    return int(option or recipe.train.ptuning.prefix_length or PREFIX_LENGTH)


def deepspeed_file(recipe: Recipe) -> str | None:
    """Where DeepSpeed's configuration stands in a run directory; None without DeepSpeed."""
    name = recipe.train.deepspeed
    return f"{layout.DEEPSPEED}/{name}.json" if name else None


def flags(job: Job) -> dict[str, Any]:
    """Flag -> value; None is left out."""
    recipe = job.recipe
    train = recipe.train
    form = row_format(recipe)
    talks = TRAIN_FORMATS[form] == "multi-turn"
    named: dict[str, Any] = {
        "train_format": TRAIN_FORMATS[form],
        "train_file": job.train_file or layout.TRAIN,
        "max_seq_length": train.max_length if talks else None,
        "preprocessing_num_workers": 1,
        "model_name_or_path": job.model,
        "output_dir": layout.WORK,
        **({} if talks else IO_LENGTHS),
        "per_device_train_batch_size": train.batch_size,
        "gradient_accumulation_steps": train.accumulate,
        "num_train_epochs": train.epochs,
        "max_steps": train.max_steps,
        "logging_steps": train.logging_steps,
        **_saving(train.save_steps, train.save_total_limit),
        "learning_rate": None if train.learning_rate == LEARNING_RATE else train.learning_rate,
        **_optional(recipe),
        **_precision(recipe),
        "deepspeed": deepspeed_file(recipe),
        **(_prefix(recipe) if is_ptuning(recipe) else {}),
    }
    options = {key: SWITCH if value is True else value for key, value in _options(recipe).items()}
    return {**named, **options, "resume_from_checkpoint": "True"}


def _options(recipe: Recipe) -> Mapping[str, Any]:
    return recipe.engine_options


def _saving(steps: int | None, limit: int | None) -> dict[str, Any]:
    return {
        "save_strategy": "no" if steps == -1 else None,
        "save_steps": None if steps == -1 else steps,
        "save_total_limit": None if limit == -1 else limit,
    }


def _optional(recipe: Recipe) -> dict[str, Any]:
    """Keys of a recipe that the tutorial's scripts leave to transformers."""
    train = recipe.train
    return {
        "optim": train.optimizer,
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "warmup_ratio": train.warmup_ratio,
        "lr_scheduler_type": train.scheduler,
        "seed": train.seed,
        "dataloader_num_workers": train.workers,
        "report_to": "none" if train.report_to == [] else train.report_to,
    }


def _precision(recipe: Recipe) -> dict[str, Any]:
    """The script makes the frozen model half and the prefix float whatever is said; a whole model
    is float, and fp16 is what the tutorial's DeepSpeed scripts add."""
    word = recipe.train.precision
    return {word: SWITCH} if word in ("fp16", "bf16") else {}


def _prefix(recipe: Recipe) -> dict[str, Any]:
    ptuning = recipe.train.ptuning
    return {
        "pre_seq_len": prefix_length(recipe),
        "prefix_projection": SWITCH if ptuning.projection else None,
        "quantization_bit": ptuning.quantization_bit,
    }
