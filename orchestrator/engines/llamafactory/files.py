"""The files of a run that this engine reads."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.base.plan import PlannedFile
from orchestrator.engines.job import Job
from orchestrator.engines.llamafactory import (
    chat_settings,
    deepspeed,
    restored_tokenizer,
    settings,
)
from orchestrator.engines.llamafactory.capabilities import OMEGACONF
from orchestrator.engines.llamafactory.dataset import dataset_info
from orchestrator.engines.llamafactory.notes import notes
from orchestrator.engines.llamafactory.settings import Group
from orchestrator.engines.llamafactory.yaml_text import literal
from orchestrator.rendering.templates import render


def files(job: Job) -> tuple[PlannedFile, ...]:
    """``train.yaml``, ``export.yaml``, ``chat.yaml``, ``dataset_info.json`` and DeepSpeed's."""
    made = [
        _yaml("train", settings.train(job), job),
        PlannedFile(path="dataset_info.json", text=_json(dataset_info(job))),
        *deepspeed.files(job.recipe),
        *restored_tokenizer.files(job),
    ]
    if job.recipe.export.merge:
        made.append(_yaml("export", settings.export(job), job))
    if job.recipe.train.stage != "rm":
        made.append(_yaml("chat", chat_settings.groups(job), job))
    return tuple(made)


def _yaml(name: str, groups: list[Group], job: Job) -> PlannedFile:
    escape = literal if OMEGACONF in job.release.capabilities else dict
    text = render(
        "llamafactory/settings.yaml.jinja",
        title=job.recipe.title,
        version=job.release.version,
        recipe_name=job.name,
        command=f"llamafactory-cli {name} {name}.yaml",
        notes=_notes(name, job),
        groups=[Group(one.title, escape(one.keys)) for one in groups],
    )
    return PlannedFile(path=f"{name}.yaml", text=text)


def _notes(name: str, job: Job) -> list[str]:
    said = [f"Source: {job.recipe.source}"] if job.recipe.source else []
    if job.rehearsal:
        said.append("THIS IS A REHEARSAL: a tiny stand-in model and a few rows, on the CPU.")
    if name == "train":
        said += notes(job.recipe)
    return said


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
