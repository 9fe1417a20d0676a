"""The run's own ``dataset_info.json``: every column and tag spelled out.

What is left out of ``columns`` is ignored without a word (system text and history above all), and
a ``columns`` that names some resets the others. Source: llamafactory/data/parser.py, DatasetAttr.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.engines.job import Job
from orchestrator.engines.llamafactory.settings import DATASET
from orchestrator.recipe.schema import Recipe

#: The row of each training stage: every key in every row, and the value where a row has none, so
#: that all rows of the file have one type.
SUPERVISED: Mapping[str, Any] = {
    "instruction": "",
    "input": "",
    "output": "",
    "system": "",
    "history": [],
}
_COLUMNS = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "system": "system",
    "history": "history",
}


def dataset_info(job: Job) -> dict[str, Any]:
    """The file's content: one entry, named as ``dataset`` in ``train.yaml`` names it."""
    return {DATASET: {**_where(job), **_form(job.recipe)}}


def _where(job: Job) -> dict[str, Any]:
    if job.train_file is not None:
        return {"file_name": job.train_file}
    dataset = job.hub_sources[0].source.dataset
    return {"hf_hub_url": dataset, "ms_hub_url": dataset}


def _form(recipe: Recipe) -> dict[str, Any]:
    stage = recipe.train.stage
    if stage == "pt":
        return {"formatting": "alpaca", "columns": {"prompt": "text"}}
    if stage in ("rm", "dpo"):
        columns = {key: name for key, name in _COLUMNS.items() if key != "response"}
        columns.update(chosen="chosen", rejected="rejected")
        return {"formatting": "alpaca", "ranking": True, "columns": columns}
    if stage == "kto":
        return {"formatting": "alpaca", "columns": {**_COLUMNS, "kto_tag": "kto_tag"}}
    return {"formatting": "alpaca", "columns": dict(_COLUMNS)}


def row_columns(recipe: Recipe) -> Mapping[str, Any] | None:
    """The keys of every row, and the value where a row lacks one."""
    stage = recipe.train.stage
    if stage == "pt":
        return {"text": ""}
    if stage in ("rm", "dpo"):
        rest = {key: value for key, value in SUPERVISED.items() if key != "output"}
        return {**rest, "chosen": "", "rejected": ""}
    if stage == "kto":
        return {**SUPERVISED, "kto_tag": False}
    return SUPERVISED
