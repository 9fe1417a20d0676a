"""A recipe as an XTuner config: what each release's own reference config says, plus the recipe.

The reference is ``internlm_chat_7b_qlora_oasst1_e3`` of the same release (and the ``full`` config
of that family for full fine-tuning). ``tests/engine/test_xtuner_reference.py`` loads both with
mmengine and compares them key by key. Sections are built as mappings whose :class:`Name` values
are printed bare; the template only lays them out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.base.nearest import nearest
from orchestrator.base.text import listed
from orchestrator.engines.job import Job
from orchestrator.engines.xtuner import sections, settings
from orchestrator.engines.xtuner.imports import import_lines
from orchestrator.engines.xtuner.options import PlacedOptions, place
from orchestrator.engines.xtuner.template_names import table
from orchestrator.envs.release import Release
from orchestrator.recipe.faults import Objection
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


def render_config(job: Job) -> str:
    """The text of ``config.py``."""
    return render("xtuner/config.py.jinja", **build(job))


def build(job: Job) -> dict[str, Any]:
    """Everything the template lays out."""
    modern = has_train_loop(job.release.version)
    parts = {
        "tokenizer": sections.tokenizer(),
        "model": sections.model(job.recipe, modern),
        "train_dataset": sections.train_dataset(job, modern),
        "train_dataloader": sections.train_dataloader(modern),
        "optim_wrapper": sections.optim_wrapper(job.recipe),
        "param_scheduler": sections.param_scheduler(job.recipe, modern),
        "train_cfg": sections.train_cfg(job.recipe, modern),
        "custom_hooks": sections.custom_hooks(job, modern),
        "default_hooks": sections.default_hooks(job.recipe, modern),
    }
    runtime = sections.runtime(job.recipe, modern)
    lines = settings.settings(job, modern)
    known = {line["name"] for group in lines for line in group["lines"]}
    placed = place(job.recipe.engine_options, known, parts, {line["name"] for line in runtime})
    return {
        "title": job.recipe.title,
        "version": job.release.version,
        "recipe_name": job.name,
        "reference": REFERENCE,
        "notes": _notes(job),
        "imports": import_lines({**parts, "settings": lines, "runtime": runtime}, modern=modern),
        "settings": _with_options(lines, placed),
        "runtime": runtime,
        "overrides": placed.lines,
        **parts,
    }


def unsupported(recipe: Recipe, release: Release) -> list[Objection]:
    """Every key that this engine has no equivalent for."""
    return list(_unsupported(recipe, release.version))


def _unsupported(recipe: Recipe, version: str) -> Iterator[Objection]:
    train = recipe.train
    old = version == "0.1.9"
    named = table(version).objection(recipe.model.template)
    if named is not None:
        yield named
    if train.stage != "sft":
        yield Objection("train.stage", f"{train.stage} is not wrapped for XTuner", "only sft is")
    if train.method == "freeze":
        why = "it trains all weights or an adapter"
        yield Objection("train.method", "XTuner cannot freeze layers", why, "lora")
    for key in ("dora", "rslora"):
        if train.method != "full" and getattr(train.lora, key) and old:
            yield Objection(f"train.lora.{key}", "is newer than the peft of XTuner 0.1.9")
    for key in ("liger", "neftune_alpha", "freeze_layers"):
        if getattr(train, key) is not None:
            yield Objection(f"train.{key}", "XTuner has no such switch")
    if train.gradient_checkpointing is False and old:
        yield Objection("train.gradient_checkpointing", "XTuner 0.1.9 always checkpoints")
    for key, known in (("optimizer", OPTIMIZERS), ("scheduler", SCHEDULERS)):
        word = getattr(train, key)
        if word is not None and word not in known:
            what = f"XTuner has no {key} {word!r}"
            yield Objection(f"train.{key}", what, listed(list(known)), nearest(word, known))
    if recipe.export.safe_serialization and old:
        yield Objection("export.safe_serialization", "XTuner 0.1.9 cannot write safetensors")
    if recipe.evaluate.validation_share:
        why = "it computes no loss on held-out rows"
        yield Objection("evaluate.validation_share", "XTuner has no such thing", why)
    datasets = [source for source in recipe.data.sources if source.dataset is not None]
    if datasets and len(recipe.data.sources) > 1:
        yield Objection("data.sources", "a hub data set cannot be mixed with other sources here")


def _notes(job: Job) -> list[str]:
    notes = [f"Source: {job.recipe.source}"] if job.recipe.source else []
    if job.rehearsal:
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
