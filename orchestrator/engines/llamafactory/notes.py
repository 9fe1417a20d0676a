"""What a recipe asks for that this engine has no equivalent of: nothing is dropped unsaid."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.engines.llamafactory.settings import OPTIMIZERS, is_adapter, placed
from orchestrator.engines.llamafactory.template_names import export_template, template
from orchestrator.engines.llamafactory.words import words
from orchestrator.recipe.schema import Recipe


def notes(recipe: Recipe) -> tuple[str, ...]:
    """One line each: the key, and what happens instead."""
    return (
        *_translated(recipe),
        *_without_equivalent(recipe),
        *placed(recipe).ignored,
    )


def _translated(recipe: Recipe) -> Iterator[str]:
    own = template(recipe)
    if own != recipe.model.template:
        yield f"model.template {recipe.model.template} is called {own} here"
        if is_adapter(recipe) and recipe.train.lora.rank is None:
            yield "train.lora is not given: this engine's own default is rank 8, alpha 16"
        yield "a row without a system text gets the template's own one here, if it has one"
    optimizer = recipe.train.optimizer
    if optimizer in OPTIMIZERS:
        yield f"train.optimizer {optimizer} is called {OPTIMIZERS[optimizer]} here"


def _without_equivalent(recipe: Recipe) -> Iterator[str]:
    evaluate = recipe.evaluate
    if evaluate.prompts or evaluate.system:
        yield (
            "evaluate.prompts, evaluate.system: no equivalent; this engine answers no prompts "
            "while it trains (talk to the result with `recipe chat`)"
        )
    if evaluate.every is not None and not evaluate.validation_share:
        yield "evaluate.every: no equivalent without evaluate.validation_share"
    if recipe.export.merge and export_template(recipe) != template(recipe):
        yield (
            f"export.yaml names the template empty: this release cannot write an Ollama Modelfile "
            f"for {template(recipe)}; weights and tokenizer are the same, and chat.yaml names it"
        )
    if recipe.export.fp32:
        yield "export.fp32: no equivalent; set engine_options.infer_dtype: float32 to export so"
    runs_scripts = "trust_remote_code" not in words(recipe.engine_version).train
    if runs_scripts and any(one.dataset for one in recipe.data.sources):
        yield (
            "data.sources: this release runs the script of a hub data set without asking; take one "
            "whose owner you trust"
        )
    stage = recipe.train.stage
    if recipe.train.pack and stage not in ("sft", "pt"):
        yield f"train.pack: rows of {stage} are not packed"
    if recipe.train.max_samples and any(one.dataset for one in recipe.data.sources):
        yield (
            "train.max_samples: the first rows of the hub data set, which the engine counts; "
            "data.sources.0.sample_rows draws them"
        )
    if recipe.train.save_total_limit == -1:
        yield "train.save_total_limit -1: every checkpoint is kept, which is the default here"
