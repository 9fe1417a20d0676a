"""``chat.yaml``, which `llamafactory-cli chat|webchat|api` load: the training's own template."""

from __future__ import annotations

from typing import Any

from orchestrator.engines import Context
from orchestrator.engines.llamafactory.options import SHARED
from orchestrator.engines.llamafactory.remote_code import needs_remote_code
from orchestrator.engines.llamafactory.settings import (
    Group,
    finetuning_type,
    is_adapter,
    placed,
)
from orchestrator.engines.llamafactory.template_names import template
from orchestrator.recipe.schema import Recipe


def groups(recipe: Recipe, context: Context) -> list[Group]:
    """The merged model where there is one, else the base model with its adapter."""
    keys: dict[str, Any] = {}
    if recipe.export.merge:
        keys["model_name_or_path"] = context.merged
    elif is_adapter(recipe):
        keys.update(model_name_or_path=context.model, adapter_name_or_path=context.adapter)
    else:
        keys["model_name_or_path"] = context.work
    keys["template"] = template(recipe)
    keys["finetuning_type"] = finetuning_type(recipe)
    keys["infer_backend"] = "huggingface"
    if needs_remote_code(recipe.model):
        keys["trust_remote_code"] = True
    shared = {key: value for key, value in placed(recipe).train.items() if key in SHARED}
    return [Group("model", {**keys, **shared})]
