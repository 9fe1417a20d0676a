"""The files of a run that this engine reads."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.base.plan import PlannedFile
from orchestrator.engines import Context
from orchestrator.engines.llamafactory import chat_settings, deepspeed, settings
from orchestrator.engines.llamafactory.dataset import dataset_info
from orchestrator.engines.llamafactory.notes import notes
from orchestrator.engines.llamafactory.settings import Group
from orchestrator.engines.llamafactory.yaml_text import literal
from orchestrator.recipe.schema import Recipe
from orchestrator.rendering.templates import render


def files(recipe: Recipe, context: Context) -> tuple[PlannedFile, ...]:
    """``train.yaml``, ``export.yaml``, ``chat.yaml``, ``dataset_info.json`` and DeepSpeed's."""
    made = [
        _yaml("train", settings.train(recipe, context), recipe, context),
        PlannedFile(path="dataset_info.json", text=_json(dataset_info(recipe, context))),
        *deepspeed.files(recipe),
    ]
    if recipe.export.merge:
        made.append(_yaml("export", settings.export(recipe, context), recipe, context))
    if recipe.train.stage != "rm":
        made.append(_yaml("chat", chat_settings.groups(recipe, context), recipe, context))
    return tuple(made)


def _yaml(name: str, groups: list[Group], recipe: Recipe, context: Context) -> PlannedFile:
    text = render(
        "llamafactory/settings.yaml.jinja",
        title=recipe.title,
        version=context.release.version,
        recipe_name=context.recipe_name,
        command=f"llamafactory-cli {name} {name}.yaml",
        notes=_notes(name, recipe, context),
        groups=[Group(one.title, literal(one.keys)) for one in groups],
    )
    return PlannedFile(path=f"{name}.yaml", text=text)


def _notes(name: str, recipe: Recipe, context: Context) -> list[str]:
    said = [f"Source: {recipe.source}"] if recipe.source else []
    if context.rehearsal:
        said.append("THIS IS A REHEARSAL: a tiny stand-in model and a few rows, on the CPU.")
    if name == "train":
        said += notes(recipe)
    return said


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
