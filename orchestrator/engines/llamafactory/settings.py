"""A recipe as the keys of ``train.yaml`` and ``export.yaml``, grouped as the engine's examples.

Key names and defaults: llamafactory/hparams/*.py of the release, and ``examples/`` of its source.
A recipe's ``null`` leaves a key out, so that the engine's own default holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.base import layout
from orchestrator.engines.job import Job
from orchestrator.engines.llamafactory import deepspeed
from orchestrator.engines.llamafactory.capabilities import TRUST_KEY
from orchestrator.engines.llamafactory.dataset import media_dir, mixing
from orchestrator.engines.llamafactory.options import Placed, place
from orchestrator.engines.llamafactory.template_names import export_template, template
from orchestrator.engines.llamafactory.words import words
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.trust import trusts_remote_code

Settings = dict[str, Any]
#: The recipe's optimizer names that other engines use -> transformers' names.
OPTIMIZERS = {
    "AdamW": "adamw_torch",
    "SGD": "sgd",
    "AdamW8bit": "adamw_bnb_8bit",
    "PagedAdamW8bit": "paged_adamw_8bit",
    "PagedAdamW32bit": "paged_adamw_32bit",
}
ATTENTION = {"auto": "auto", "disabled": "disabled", "sdpa": "sdpa", "fa2": "fa2"}
DATASET_DIR = "."
_SAVE = {None: "epoch", -1: "no"}


@dataclass(frozen=True)
class Group:
    """One section of a file: a comment line and its keys."""

    title: str
    keys: Settings


def is_adapter(recipe: Recipe) -> bool:
    """Whether training makes an adapter; ``full`` and ``freeze`` make a whole model."""
    return recipe.train.method in ("lora", "qlora")


def output_dir(job: Job) -> str:
    """Where training writes: the adapter's folder, or the work folder for whole models."""
    return layout.ADAPTER if is_adapter(job.recipe) else layout.WORK


def train(job: Job) -> list[Group]:
    """``train.yaml``."""
    groups = [
        Group("model", _model(job)),
        Group("method", _method(job.recipe)),
        Group("dataset", _dataset(job)),
        Group("output", _output(job)),
        Group("train", _train(job)),
        Group("eval", _evaluation(job.recipe)),
    ]
    return _with_options(groups, placed(job.recipe).train)


def export(job: Job) -> list[Group]:
    """``export.yaml``: the adapter merged into the base model, or a whole model saved in shards."""
    adapter = is_adapter(job.recipe)
    model: Settings = {"model_name_or_path": job.model if adapter else layout.WORK}
    if adapter:
        model["adapter_name_or_path"] = layout.ADAPTER
    model["template"] = export_template(job.recipe)
    model["finetuning_type"] = finetuning_type(job.recipe)
    if job.recipe.train.stage == "rm":
        model["stage"] = "rm"
    model.update(remote_code(job))
    groups = [Group("model", model), Group("export", _export(job))]
    options = {key: value for key, value in placed(job.recipe).export.items() if key != "template"}
    return _with_options(groups, options)


def placed(recipe: Recipe) -> Placed:
    """``engine_options`` sorted by the file that they belong to."""
    return place(recipe.engine_options)


def _with_options(groups: list[Group], options: Mapping[str, Any]) -> list[Group]:
    """Options replace a key where it stands; others come last, in a group of their own."""
    known = {key for group in groups for key in group.keys}
    replaced = [
        Group(group.title, {key: options.get(key, value) for key, value in group.keys.items()})
        for group in groups
    ]
    more = {key: value for key, value in options.items() if key not in known}
    if more:
        replaced.append(Group("engine_options of the recipe", more))
    return [group for group in replaced if group.keys]


def finetuning_type(recipe: Recipe) -> str:
    return "lora" if is_adapter(recipe) else recipe.train.method


def remote_code(job: Job) -> Settings:
    """The key that lets the model's own code run, where the release has one."""
    says = TRUST_KEY in job.release.capabilities and trusts_remote_code(job.recipe.model)
    return {"trust_remote_code": True} if says else {}


def _four_bits(recipe: Recipe) -> str:
    """The release's own word for bitsandbytes."""
    kind = words(recipe.engine_version).train["quantization_method"]
    return next(word for word in ("bnb", "bitsandbytes") if word in kind)


def _model(job: Job) -> Settings:
    train = job.recipe.train
    keys: Settings = {"model_name_or_path": job.model, **remote_code(job)}
    if train.method == "qlora":
        keys["quantization_method"] = _four_bits(job.recipe)
        keys["quantization_bit"] = train.quantization.bits
        if train.quantization.bits == 4:
            keys["quantization_type"] = train.quantization.type
            keys["double_quantization"] = train.quantization.double
    if train.flash_attention is not None:
        keys["flash_attn"] = ATTENTION[train.flash_attention]
    if train.liger is not None:
        keys["enable_liger_kernel"] = train.liger
    if train.gradient_checkpointing is not None:
        keys["disable_gradient_checkpointing"] = not train.gradient_checkpointing
    return keys


def _method(recipe: Recipe) -> Settings:
    train = recipe.train
    keys: Settings = {
        "stage": train.stage,
        "do_train": True,
        "finetuning_type": finetuning_type(recipe),
    }
    if is_adapter(recipe):
        keys.update(_lora(recipe))
    if train.method == "freeze" and train.freeze_layers is not None:
        keys["freeze_trainable_layers"] = train.freeze_layers
    keys.update(_preference(recipe))
    if train.deepspeed is not None:
        keys["deepspeed"] = deepspeed.path(train.deepspeed)
    return keys


def _preference(recipe: Recipe) -> Settings:
    native = {"beta": "pref_beta", "loss": "pref_loss", "sft_share": "pref_ftx"}
    given = recipe.train.preference.model_dump(exclude_none=True)
    return {
        native[key]: float(value) if isinstance(value, int) else value
        for key, value in given.items()
    }


def _lora(recipe: Recipe) -> Settings:
    lora = recipe.train.lora
    keys: Settings = {"lora_target": ",".join(lora.targets) if lora.targets else "all"}
    if lora.rank is not None:
        keys["lora_rank"] = lora.rank
    if lora.alpha is not None:
        keys["lora_alpha"] = int(lora.alpha)
    if lora.dropout is not None:
        keys["lora_dropout"] = float(lora.dropout)
    if lora.rslora:
        keys["use_rslora"] = True
    if lora.dora:
        keys["use_dora"] = True
    return keys


def _dataset(job: Job) -> Settings:
    train = job.recipe.train
    keys: Settings = {
        "dataset_dir": DATASET_DIR,
        **mixing(job),
        **({"media_dir": folder} if (folder := media_dir(job)) else {}),
        "template": template(job.recipe),
        "cutoff_len": train.max_length,
    }
    if train.max_samples is not None:
        keys["max_samples"] = train.max_samples
    if train.stage == "pt" or (train.pack and train.stage == "sft"):
        keys["packing"] = train.pack
    keys["overwrite_cache"] = True
    if train.workers is not None:
        keys["dataloader_num_workers"] = train.workers
    return keys


def _output(job: Job) -> Settings:
    train = job.recipe.train
    keys: Settings = {
        "output_dir": output_dir(job),
        "logging_steps": train.logging_steps or 10,
        "save_strategy": _SAVE.get(train.save_steps, "steps"),
    }
    if train.save_steps not in _SAVE:
        keys["save_steps"] = train.save_steps
    if train.save_total_limit is not None and train.save_total_limit > 0:
        keys["save_total_limit"] = train.save_total_limit
    if train.report_to is not None:
        keys["report_to"] = train.report_to[0] if len(train.report_to) == 1 else train.report_to
        keys["report_to"] = keys["report_to"] or "none"
    keys["plot_loss"] = True
    keys["overwrite_output_dir"] = True
    return keys


def _train(job: Job) -> Settings:
    train = job.recipe.train
    keys: Settings = {
        "per_device_train_batch_size": train.batch_size,
        "gradient_accumulation_steps": train.accumulate,
        "learning_rate": float(train.learning_rate),
    }
    if train.max_steps is not None:
        keys["max_steps"] = train.max_steps
    else:
        keys["num_train_epochs"] = float(train.epochs or 3)
    keys.update(_optional(job.recipe))
    keys.update(precision(job))
    return keys


def _optional(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    train = recipe.train
    yield "lr_scheduler_type", train.scheduler or "cosine"
    if train.warmup_ratio is not None:
        yield "warmup_ratio", float(train.warmup_ratio)
    if train.optimizer is not None:
        yield "optim", OPTIMIZERS.get(train.optimizer, train.optimizer)
    if train.weight_decay is not None:
        yield "weight_decay", float(train.weight_decay)
    if train.max_grad_norm is not None:
        yield "max_grad_norm", float(train.max_grad_norm)
    if train.neftune_alpha is not None:
        yield "neftune_noise_alpha", float(train.neftune_alpha)
    if train.seed is not None:
        yield "seed", train.seed
    if not recipe.data.shuffle:
        yield "disable_shuffling", True


def precision(job: Job) -> Settings:
    """``auto`` is bf16, and fp16 where this machine's GPUs are known to lack bf16."""
    chosen = job.recipe.train.precision
    if chosen == "auto":
        chosen = "fp16" if job.bf16 is False else "bf16"
    return {} if chosen == "fp32" else {chosen: True}


def _evaluation(recipe: Recipe) -> Settings:
    share = recipe.evaluate.validation_share
    if not share:
        return {}
    return {
        "val_size": float(share),
        "per_device_eval_batch_size": recipe.train.batch_size,
        "eval_strategy": "steps",
        "eval_steps": recipe.evaluate.every or 500,
    }


def _export(job: Job) -> Settings:
    export = job.recipe.export
    return {
        "export_dir": layout.MERGED,
        "export_size": int(export.max_shard_size.removesuffix("GB")),
        "export_device": "cpu" if job.rehearsal or export.device != "cuda" else "auto",
        "export_legacy_format": export.safe_serialization is False,
    }
