"""PART 1 of a rendered config: the variables that a reader changes first."""

from __future__ import annotations

from typing import Any

from orchestrator.engines.job import Job
from orchestrator.engines.xtuner.template_names import template
from orchestrator.recipe.schema import Recipe
from orchestrator.rendering.pysource import Name

#: The two prompts of every XTuner reference config.
REFERENCE_PROMPTS = ["请给我介绍五个上海的景点", "Please tell me five scenic spots in Shanghai"]


def _line(name: str, value: Any, comment: str = "") -> dict[str, Any]:
    return {"name": name, "value": value, "comment": f"  # {comment}" if comment else ""}


def settings(job: Job, modern: bool) -> list[dict[str, Any]]:
    groups = [
        ("Model", _model_settings(job, modern)),
        ("Data", _data_settings(job)),
        ("Scheduler & Optimizer", _optimizer_settings(job.recipe, modern)),
        ("Save", _save_settings(job.recipe, modern)),
        ("Evaluate the generation performance during the training", _evaluation(job.recipe)),
    ]
    return [{"title": title, "lines": lines} for title, lines in groups if lines]


def _model_settings(job: Job, modern: bool) -> list[dict[str, Any]]:
    lines = [_line("pretrained_model_name_or_path", job.model)]
    return [*lines, _line("use_varlen_attn", False)] if modern else lines


def _data_settings(job: Job) -> list[dict[str, Any]]:
    return [
        _line("data_path", job.train_file or job.hub_sources[0].source.dataset),
        _line("prompt_template", Name(f"PROMPT_TEMPLATE.{template(job.recipe)}")),
        _line("max_length", job.recipe.train.max_length),
        _line("pack_to_max_length", job.recipe.train.pack),
    ]


def optimizer_name(recipe: Recipe, modern: bool) -> str:
    """The recipe's, else the reference's: 0.1.9's QLoRA config uses a paged 32-bit AdamW."""
    if recipe.train.optimizer:
        return recipe.train.optimizer
    return "AdamW" if modern or recipe.train.method != "qlora" else "PagedAdamW32bit"


def _optimizer_settings(recipe: Recipe, modern: bool) -> list[dict[str, Any]]:
    train = recipe.train
    length = (
        _line("max_iters", train.max_steps)
        if train.max_steps
        else _line("max_epochs", plain_number(train.epochs or 3))
    )
    lines = [
        _line("batch_size", train.batch_size, "per_device"),
        _line("accumulative_counts", train.accumulate),
        _line("dataloader_num_workers", train.workers or 0),
        length,
        _line("optim_type", Name(optimizer_name(recipe, modern))),
        _line("lr", train.learning_rate),
        _line("betas", (0.9, 0.999)),
        _line("weight_decay", plain_number(train.weight_decay or 0)),
        _line("max_norm", plain_number(train.max_grad_norm or 1), "grad clip"),
    ]
    ratio = warmup_ratio(recipe, modern)
    return [*lines, _line("warmup_ratio", ratio)] if ratio else lines


def warmup_ratio(recipe: Recipe, modern: bool) -> float:
    """The share of the training that warms up: 0.03 in 0.2.0's configs, none in 0.1.9's."""
    if recipe.train.warmup_ratio is not None:
        return recipe.train.warmup_ratio
    return 0.03 if modern else 0.0


def _save_settings(recipe: Recipe, modern: bool) -> list[dict[str, Any]]:
    train = recipe.train
    if not modern and train.save_steps is None and train.save_total_limit is None:
        return []
    limit = 2 if train.save_total_limit is None else train.save_total_limit
    steps = _line("save_steps", train.save_steps or 500)
    keep = _line("save_total_limit", limit, "Maximum checkpoints to keep (-1 means unlimited)")
    return [steps, keep] if modern or train.save_steps else [keep]


def _evaluation(recipe: Recipe) -> list[dict[str, Any]]:
    evaluate = recipe.evaluate
    # XTuner's hook formats the system text twice, so its own braces are doubled once.
    system = (evaluate.system or "").replace("{", "{{").replace("}", "}}")
    return [
        _line("evaluation_freq", evaluate.every or 500),
        _line("SYSTEM", system),
        _line("evaluation_inputs", evaluate.prompts or REFERENCE_PROMPTS),
    ]


def plain_number(value: float) -> float:
    """3.0 as 3, as a reader writes it; other numbers unchanged."""
    return int(value) if float(value).is_integer() else value
