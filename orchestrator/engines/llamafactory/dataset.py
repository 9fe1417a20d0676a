"""The run's own ``dataset_info.json``: one entry for its file of rows, one for each hub data set.

What is left out of ``columns`` is ignored without a word (system text and history above all), and
a ``columns`` that names some resets the others. Source: llamafactory/data/parser.py, DatasetAttr.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.engines.job import FoundSource, Job
from orchestrator.engines.llamafactory import entries
from orchestrator.engines.llamafactory.template_names import sees
from orchestrator.recipe.schema import Recipe, Source

#: The entry of the rows that the data stage wrote.
OWN = "train"
#: The keys of every row, and the value where a row has none: all rows of a file have one type.
_EMPTY: Mapping[str, Any] = {
    "instruction": "",
    "input": "",
    "output": "",
    "conversations": [],
    "system": "",
    "history": [],
    "tools": "",
    "chosen": "",
    "rejected": "",
    "kto_tag": False,
    "images": [],
    "videos": [],
    "audios": [],
    "text": "",
}
_REQUEST = {
    "alpaca": ("instruction", "input", "output", "system", "history"),
    "sharegpt": ("conversations", "system", "tools"),
}
_ANSWER = {"rm": ("chosen", "rejected"), "dpo": ("chosen", "rejected"), "kto": ("kto_tag",)}
_MEDIA = ("images", "videos", "audios")
#: The row formats that the data stage writes for this engine, the usual one first. Calls of tools
#: have a place in sharegpt rows alone.
ROW_FORMATS = tuple(_REQUEST)


def dataset_info(job: Job) -> dict[str, Any]:
    """The file's content: entries under the names that ``train.yaml`` lists, in the same order."""
    stage = job.recipe.train.stage
    return {
        name: {"file_name": job.train_file, **_own_layout(job.recipe)}
        if source is None
        else entries.entry(source, stage)
        for name, (source, _) in _weighted(job.sources).items()
    }


def mixing(job: Job) -> dict[str, Any]:
    """``dataset``, and how several are mixed where the recipe gives weights."""
    weighted = _weighted(job.sources)
    keys: dict[str, Any] = {"dataset": ",".join(weighted)}
    if len(weighted) > 1 and any(found.source.weight is not None for found in job.sources):
        total = sum(weight for _, weight in weighted.values())
        # Every data set is read to its end; those that are too small are repeated.
        keys["mix_strategy"] = "interleave_over"
        keys["interleave_probs"] = ",".join(str(w / total) for _, w in weighted.values())
    return keys


def names(recipe: Recipe) -> tuple[str, ...]:
    """What the data sets of the recipe are called in the run's list."""
    return tuple(_weighted([FoundSource(source) for source in recipe.data.sources]))


def _weighted(sources: Sequence[FoundSource]) -> dict[str, tuple[Source | None, float]]:
    """Name -> the hub data set (None: the run's own file) and its weight; without weight 0."""
    made: dict[str, tuple[Source | None, float]] = {}
    for found in sources:
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


def _own_layout(recipe: Recipe) -> dict[str, Any]:
    stage = recipe.train.stage
    form = "text" if stage == "pt" else recipe.data.rows or ROW_FORMATS[0]
    return entries.layout(form, {key: key for key in row_columns(recipe)}, stage)


def row_columns(recipe: Recipe) -> Mapping[str, Any]:
    """The keys of every row, and the value where a row lacks one."""
    stage = recipe.train.stage
    form = recipe.data.rows or ROW_FORMATS[0]
    keys = (*_REQUEST[form], *_ANSWER.get(stage, ()), *(_MEDIA if sees(recipe) else ()))
    if stage == "pt":
        keys = ("text",)
    elif "rejected" in keys:
        keys = tuple(key for key in keys if key != "output")
    return {key: _EMPTY[key] for key in keys}


def media_dir(job: Job) -> str | None:
    """Where the files lie that rows name, relative to their own file: one folder for all rows."""
    folders = {str(found.path.parent) for found in job.file_sources if found.path is not None}
    return folders.pop() if sees(job.recipe) and len(folders) == 1 else None
