"""The recipe's prompt template under this engine's own name."""

from __future__ import annotations

from orchestrator.engines.templates import translated
from orchestrator.recipe.schema import Recipe

#: Templates that 0.9.5 cannot write as an Ollama Modelfile: its export ends with a traceback after
#: the weights are saved. ``tests/engine/test_llamafactory_templates.py`` finds them again.
WITHOUT_MODELFILE = frozenset({"chatglm3", "yuan"})


def export_template(recipe: Recipe) -> str:
    """The template that the export names: it only goes into the Modelfile and the tokenizer."""
    name = template(recipe)
    return "empty" if name in WITHOUT_MODELFILE else name


def template(recipe: Recipe) -> str:
    """The name in ``llamafactory.data.template.TEMPLATES``; an option of the engine wins."""
    given = recipe.engine_options.get("template")
    return str(given) if given else translated(recipe.model.template, "llamafactory")
