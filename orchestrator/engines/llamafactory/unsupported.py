"""What a recipe asks for that LLaMA-Factory cannot do, key by key."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.base.errors import UsageError
from orchestrator.engines.llamafactory import settings
from orchestrator.engines.llamafactory.template_names import table
from orchestrator.envs.release import Release
from orchestrator.recipe.faults import Objection
from orchestrator.recipe.schema import Recipe


def unsupported(recipe: Recipe, _release: Release) -> list[Objection]:
    """Every key whose value has no equivalent here, with the nearest choice."""
    return list(_unsupported(recipe))


def _unsupported(recipe: Recipe) -> Iterator[Objection]:
    option = recipe.engine_options.get("template")
    key = "engine_options.template" if option else "model.template"
    named = table(recipe.engine_version).objection(option or recipe.model.template, key)
    if named is not None:
        yield named
    checks = (
        lambda: settings.placed(recipe),
        lambda: settings.whole_alpha(recipe.train.lora.alpha),
        lambda: settings.shard_size(recipe.export.max_shard_size),
    )
    for check in checks:
        try:
            check()
        except UsageError as error:
            key = error.where or "engine_options"
            yield Objection(key, error.what.rstrip("."), error.why or "", error.fix or "")
