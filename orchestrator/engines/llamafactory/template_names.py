"""The recipe's prompt template under this engine's own name."""

from __future__ import annotations

from orchestrator.engines.templates import translated
from orchestrator.recipe.schema import Recipe


def template(recipe: Recipe) -> str:
    """The name in ``llamafactory.data.template.TEMPLATES``; an option of the engine wins."""
    given = recipe.engine_options.get("template")
    return str(given) if given else translated(recipe.model.template, "llamafactory")
