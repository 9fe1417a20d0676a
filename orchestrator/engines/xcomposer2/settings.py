"""What a recipe says as flags of finetune.py, in the order of the tutorial's shell scripts.

Source: InternLM-XComposer-2.0/finetune/finetune.sh, finetune_lora.sh and finetune.py at the
release's commit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.base import layout
from orchestrator.engines.upstream.flags import number
from orchestrator.recipe.schema import Recipe

FOLDER = "InternLM-XComposer-2.0/finetune"
LIST = f"{layout.DATA}/data.txt"
#: The name by which the model's own code loads its vision tower, from the working folder or a hub.
VISION = "openai/clip-vit-large-patch14-336"
FLAGS = Path(__file__).parent / "flags"
#: ZeRO stages whose weights the script can save: under stage 3 it writes the whole model for LoRA.
DEEPSPEED = {"zero2": "ds_config_zero2.json", "zero2_offload": "ds_config_zero2_offload.json"}
#: The tutorial's own, where a recipe does not say it: pictures of the -vl-7b model, resized square.
PICTURES = {"img_size": 490, "hd_num": -1}
#: What the tutorial's two scripts pass beside what they share.
FIXED = {"full": False, "lora": True}
DEFAULTS: dict[str, Any] = {
    "num_train_epochs": 1.0,
    "weight_decay": 0.1,
    "warmup_ratio": 0.01,
    "lr_scheduler_type": "cosine",
    "logging_steps": 1,
    "save_total_limit": 1,
}
#: Where the tutorial's ``output/finetune`` is in a run.
OUTPUT = {"full": layout.WORK, "lora": layout.ADAPTER}


def is_lora(recipe: Recipe) -> bool:
    """Whether an adapter is trained; else every weight that is not fixed."""
    return recipe.train.method == "lora"


def output(recipe: Recipe) -> str:
    """The folder that the script writes: the adapter, or the whole model."""
    return OUTPUT["lora" if is_lora(recipe) else "full"]


def gpus(recipe: Recipe) -> int:
    """Processes on this machine; the tutorial's scripts start eight."""
    return recipe.train.gpus or 8


def deepspeed_file(recipe: Recipe) -> str | None:
    """DeepSpeed's configuration in the run; None without DeepSpeed."""
    name = recipe.train.deepspeed
    return DEEPSPEED[name] if name else None


def flags(recipe: Recipe) -> dict[str, Any]:
    """Flag -> value behind ``--model_name_or_path`` and ``--data_path``; None is left out."""
    train, options = recipe.train, dict(recipe.engine_options)
    fixed = FIXED["lora" if is_lora(recipe) else "full"]
    named: dict[str, Any] = {
        **{key: options.pop(key, usual) for key, usual in PICTURES.items()},
        "given_num": True,
        "bf16": train.precision in ("auto", "bf16"),
        "fp16": True if train.precision == "fp16" else None,
        "fix_vit": options.pop("fix_vit", fixed),
        "fix_sampler": options.pop("fix_sampler", fixed),
        "use_lora": is_lora(recipe),
        "output_dir": output(recipe),
        "num_train_epochs": _or(train.epochs, "num_train_epochs"),
        "max_steps": train.max_steps,
        "batch_size": train.batch_size,
        "per_device_train_batch_size": train.batch_size,
        "per_device_eval_batch_size": train.batch_size,
        "gradient_accumulation_steps": train.accumulate,
        "evaluation_strategy": "no",
        **_saving(train.save_steps, train.save_total_limit),
        "learning_rate": number(train.learning_rate),
        "weight_decay": _or(train.weight_decay, "weight_decay"),
        "adam_beta2": options.pop("adam_beta2", 0.95),
        "warmup_ratio": repr(_or(train.warmup_ratio, "warmup_ratio")),
        "lr_scheduler_type": _or(train.scheduler, "lr_scheduler_type"),
        "logging_steps": _or(train.logging_steps, "logging_steps"),
        "report_to": train.report_to or "none",
        "max_length": train.max_length,
        "deepspeed": deepspeed_file(recipe),
        "gradient_checkpointing": train.gradient_checkpointing is not False,
        **_optional(recipe),
        **(_lora(recipe) if is_lora(recipe) else {}),
    }
    return {**named, **options}


def _or(value: Any, name: str) -> Any:
    """The recipe's value, or the tutorial's."""
    return DEFAULTS[name] if value is None else value


def _saving(steps: int | None, limit: int | None) -> dict[str, Any]:
    """The tutorial saves after each epoch; the script saves the last weights in any case."""
    strategy = {None: "epoch", -1: "no"}.get(steps, "steps")
    keep = _or(limit, "save_total_limit")
    return {
        "save_strategy": strategy,
        "save_steps": steps if strategy == "steps" else None,
        "save_total_limit": None if keep == -1 else keep,
    }


def _optional(recipe: Recipe) -> dict[str, Any]:
    """Keys that the tutorial's scripts leave to transformers."""
    train = recipe.train
    return {
        "optim": train.optimizer,
        "max_grad_norm": train.max_grad_norm,
        "seed": train.seed,
        "dataloader_num_workers": train.workers,
    }


def _lora(recipe: Recipe) -> dict[str, Any]:
    """LoRA's own; the script has rank 64, alpha 64, dropout 0.05 and five modules."""
    lora = recipe.train.lora
    return {
        "lora_r": lora.rank,
        "lora_alpha": None if lora.alpha is None else int(lora.alpha),
        "lora_dropout": lora.dropout,
        "lora_target_modules": lora.targets or None,
    }
