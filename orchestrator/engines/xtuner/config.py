"""A recipe as an XTuner config: what each release's own reference config says, plus the recipe.

The reference is ``internlm_chat_7b_qlora_oasst1_e3`` of the same release (and the ``full`` config
of that family for full fine-tuning). ``tests/engine/test_xtuner_reference.py`` loads both with
mmengine and compares them key by key. Sections are built as mappings whose :class:`Name` values
are printed bare; the template only lays them out.
"""

from __future__ import annotations

from typing import Any

from orchestrator.base.errors import UsageError
from orchestrator.engines import Context
from orchestrator.engines.xtuner import sections, settings
from orchestrator.engines.xtuner.imports import import_lines
from orchestrator.engines.xtuner.options import PlacedOptions, place
from orchestrator.recipe.schema import Recipe
from orchestrator.rendering.templates import render

REFERENCE = "internlm_chat_7b_qlora_oasst1_e3"
#: Optimizers offered by name, and where each is imported from.
OPTIMIZERS = {
    "AdamW": "torch.optim",
    "Adam": "torch.optim",
    "SGD": "torch.optim",
    "PagedAdamW32bit": "bitsandbytes.optim",
    "PagedAdamW8bit": "bitsandbytes.optim",
    "AdamW8bit": "bitsandbytes.optim",
}
SCHEDULERS = ("cosine", "linear", "constant")


def has_train_loop(version: str) -> bool:
    """0.2.0 trains by iterations with its own TrainLoop; 0.1.9 by epochs with mmengine's."""
    return version != "0.1.9"


def render_config(recipe: Recipe, context: Context) -> str:
    """The text of ``config.py``."""
    return render("xtuner/config.py.jinja", **build(recipe, context))


def build(recipe: Recipe, context: Context) -> dict[str, Any]:
    """Everything the template lays out."""
    check_supported(recipe, context.release.version)
    modern = has_train_loop(context.release.version)
    parts = {
        "tokenizer": sections.tokenizer(),
        "model": sections.model(recipe, modern),
        "train_dataset": sections.train_dataset(recipe, context, modern),
        "train_dataloader": sections.train_dataloader(modern),
        "optim_wrapper": sections.optim_wrapper(recipe),
        "param_scheduler": sections.param_scheduler(recipe, modern),
        "train_cfg": sections.train_cfg(recipe, modern),
        "custom_hooks": sections.custom_hooks(recipe, context, modern),
        "default_hooks": sections.default_hooks(recipe, modern),
    }
    runtime = sections.runtime(recipe, modern)
    lines = settings.settings(recipe, context, modern)
    known = {line["name"] for group in lines for line in group["lines"]}
    placed = place(recipe.engine_options, known, parts, {line["name"] for line in runtime})
    return {
        "title": recipe.title,
        "version": context.release.version,
        "recipe_name": context.recipe_name,
        "reference": REFERENCE,
        "notes": _notes(recipe, context),
        "imports": import_lines({**parts, "settings": lines, "runtime": runtime}, modern=modern),
        "settings": _with_options(lines, placed),
        "runtime": runtime,
        "overrides": placed.lines,
        **parts,
    }


def check_supported(recipe: Recipe, version: str) -> None:
    """:class:`UsageError` naming every key that this engine has no equivalent for."""
    train = recipe.train
    faults = []
    if train.stage != "sft":
        faults.append(f"train.stage {train.stage}: only sft is wrapped for this engine")
    if train.method == "freeze":
        faults.append("train.method freeze: XTuner trains all weights or an adapter")
    if train.method != "full" and (train.lora.dora or train.lora.rslora) and version == "0.1.9":
        faults.append("train.lora.dora, train.lora.rslora: newer than the peft of XTuner 0.1.9")
    for key in ("liger", "neftune_alpha", "freeze_layers"):
        if getattr(train, key) is not None:
            faults.append(f"train.{key}: XTuner has no such switch")
    if train.gradient_checkpointing is False and version == "0.1.9":
        faults.append("train.gradient_checkpointing false: XTuner 0.1.9 always checkpoints")
    if train.optimizer is not None and train.optimizer not in OPTIMIZERS:
        faults.append(f"train.optimizer {train.optimizer!r}: one of {', '.join(OPTIMIZERS)}")
    if train.scheduler is not None and train.scheduler not in SCHEDULERS:
        faults.append(f"train.scheduler {train.scheduler!r}: one of {', '.join(SCHEDULERS)}")
    if recipe.evaluate.validation_share:
        faults.append("evaluate.validation_share: XTuner computes no loss on held-out rows")
    datasets = [s for s in recipe.data.sources if s.dataset is not None]
    if datasets and len(recipe.data.sources) > 1:
        faults.append("data.sources: a hub data set cannot be mixed with other sources here")
    if faults:
        raise UsageError(
            f"XTuner {version} cannot do what this recipe asks for.",
            where="\n         ".join(faults),
            fix="change or remove these keys, or choose another engine (recipe env list)",
        )


def _notes(recipe: Recipe, context: Context) -> list[str]:
    notes = [f"Source: {recipe.source}"] if recipe.source else []
    if context.rehearsal:
        notes.append("THIS IS A REHEARSAL: a tiny stand-in model and a few rows, on the CPU.")
    return notes


def _with_options(settings: list[dict[str, Any]], placed: PlacedOptions) -> list[dict[str, Any]]:
    return [
        {
            **group,
            "lines": [
                {**line, "value": placed.settings.get(line["name"], line["value"])}
                for line in group["lines"]
            ],
        }
        for group in settings
    ]
