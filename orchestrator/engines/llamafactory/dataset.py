"""The run's own ``dataset_info.json``: one entry for its file of rows, one for each hub data set.

What is left out of ``columns`` is ignored without a word (system text and history above all), and
a ``columns`` that names some resets the others. Source: llamafactory/data/parser.py, DatasetAttr.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.engines.job import Job
from orchestrator.engines.llamafactory import hub_rows
from orchestrator.recipe.schema import Recipe, Source

#: The entry of the rows that the data stage wrote.
OWN = "train"
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
    """The file's content: entries under the names that ``train.yaml`` lists, in the same order."""
    stage = job.recipe.train.stage
    return {
        name: {"file_name": job.train_file, **_form(job.recipe)}
        if source is None
        else hub_rows.entry(source, stage)
        for name, (source, _) in _weighted(job).items()
    }


def mixing(job: Job) -> dict[str, Any]:
    """``dataset``, and how several are mixed where the recipe gives weights."""
    weighted = _weighted(job)
    keys: dict[str, Any] = {"dataset": ",".join(weighted)}
    if len(weighted) > 1 and any(found.source.weight is not None for found in job.sources):
        total = sum(weight for _, weight in weighted.values())
        # Every data set is read to its end; those that are too small are repeated.
        keys["mix_strategy"] = "interleave_over"
        keys["interleave_probs"] = ",".join(str(w / total) for _, w in weighted.values())
    return keys


def _weighted(job: Job) -> dict[str, tuple[Source | None, float]]:
    """Name -> the hub data set (None: the run's own file) and its weight; without weight 0."""
    made: dict[str, tuple[Source | None, float]] = {}
    for found in job.sources:
        weight = 1.0 if found.source.weight is None else float(found.source.weight)
        if weight == 0:
            continue
        if found.on_hub:
            made[_unused_name(found.source, made)] = (found.source, weight)
        else:
            _, before = made.get(OWN, (None, 0.0))
            made[OWN] = (None, before + weight)
    return made


def _unused_name(source: Source, taken: Mapping[str, Any]) -> str:
    """A name without commas, which separate names in ``dataset``."""
    words = filter(None, (source.name or source.dataset, source.subset))
    name = re.sub(r"[^\w.-]+", "_", "_".join(words))
    names = [name, *(f"{name}_{number}" for number in range(2, len(taken) + 4))]
    return next(one for one in names if one != OWN and one not in taken)


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
