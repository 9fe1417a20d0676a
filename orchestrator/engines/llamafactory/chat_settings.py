"""``chat.yaml``, which `llamafactory-cli chat|webchat|api` load: the training's own template."""

from __future__ import annotations

from typing import Any

from orchestrator.base import layout
from orchestrator.engines.job import Job
from orchestrator.engines.llamafactory.options import SHARED
from orchestrator.engines.llamafactory.settings import (
    Group,
    finetuning_type,
    is_adapter,
    placed,
    remote_code,
)
from orchestrator.engines.llamafactory.template_names import template


def groups(job: Job) -> list[Group]:
    """The merged model where there is one, else the base model with its adapter."""
    keys: dict[str, Any] = {}
    if job.recipe.export.merge:
        keys["model_name_or_path"] = layout.MERGED
    elif is_adapter(job.recipe):
        keys.update(model_name_or_path=job.model, adapter_name_or_path=layout.ADAPTER)
    else:
        keys["model_name_or_path"] = layout.WORK
    keys["template"] = template(job.recipe)
    keys["finetuning_type"] = finetuning_type(job.recipe)
    keys["infer_backend"] = "huggingface"
    keys.update(remote_code(job))
    shared = {key: value for key, value in placed(job.recipe).train.items() if key in SHARED}
    return [Group("model", {**keys, **shared})]
