"""Entries of ``dataset_info.json``; of a hub data set only the columns that the recipe declares.

The engine raises KeyError for a declared column that a row lacks, and ignores, without a word, what
is not declared. Source: llamafactory/data/parser.py (DatasetAttr) and converter.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data_tools.nearest import nearest
from orchestrator.base.text import listed
from orchestrator.recipe.faults import Objection
from orchestrator.recipe.schema import Recipe, Source

_MORE = ("system", "tools", "images", "videos", "audios", "chosen", "rejected", "kto_tag")
_ALPACA = {"instruction": "prompt", "input": "query", "output": "response", "history": "history"}
#: Row format -> key of a row -> what ``columns`` calls it.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "alpaca": {**_ALPACA, **{key: key for key in _MORE}},
    "sharegpt": {"conversations": "messages", **{key: key for key in _MORE}},
    "messages": {"messages": "messages", **{key: key for key in _MORE}},
    "text": {"text": "prompt"},
}
#: Row format -> the words of a conversation. All are written: a partial list resets the others.
TAGS: Mapping[str, Mapping[str, str]] = {
    "sharegpt": {
        "role": "from",
        "content": "value",
        "user": "human",
        "assistant": "gpt",
        "observation": "observation",
        "function": "function_call",
        "system": "system",
    },
    "messages": {
        "role": "role",
        "content": "content",
        "user": "user",
        "assistant": "assistant",
        "observation": "tool",
        "function": "function_call",
        "system": "system",
    },
}
#: Training stage -> what its rows have beside the request.
_ANSWER: Mapping[str, Sequence[str]] = {
    "rm": ("chosen", "rejected"),
    "dpo": ("chosen", "rejected"),
    "kto": ("output", "kto_tag"),
}
#: Keys of a source whose work the data stage does: the rows of a hub data set never pass there.
_ELSEWHERE = ("map_fn", "system", "sheet", "columns", "clean")


def entry(source: Source, stage: str) -> dict[str, Any]:
    """What ``dataset_info.json`` says about the hub data set ``source``."""
    form = row_format(source, stage)
    fields = source.fields or _usual(form, stage)
    made: dict[str, Any] = {"hf_hub_url": source.dataset, "ms_hub_url": source.dataset}
    more = {"subset": source.subset, "split": source.split, "num_samples": source.sample_rows}
    made.update({key: value for key, value in more.items() if value is not None})
    return {**made, **layout(form, fields, stage, source.tags)}


def layout(
    form: str, fields: Mapping[str, str], stage: str, tags: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Formatting, columns and tags of rows in the format ``form``; ``fields``: key -> column."""
    made: dict[str, Any] = {"formatting": "sharegpt" if form in TAGS else "alpaca"}
    if stage in ("rm", "dpo"):
        made["ranking"] = True
    made["columns"] = {COLUMNS[form][key]: column for key, column in fields.items()}
    if form in TAGS:
        words = {**TAGS[form], **(tags or {})}
        made["tags"] = {f"{key}_tag": word for key, word in words.items()}
    return made


def row_format(source: Source, stage: str) -> str:
    """The format that the recipe says; by default that of its `fields`, else the stage's."""
    if source.format != "auto":
        return source.format
    forms = [form for form in ("messages", "sharegpt") if set(_MAIN[form]) & set(source.fields)]
    return next(iter(forms), "text" if stage == "pt" else "alpaca")


_MAIN = {"sharegpt": ("conversations",), "messages": ("messages",)}


def _usual(form: str, stage: str) -> dict[str, str]:
    """The columns that every data set of this format has, under their usual names."""
    if form == "text":
        keys: tuple[str, ...] = ("text",)
    elif form == "alpaca":
        keys = ("instruction", "input", *_ANSWER.get(stage, ("output",)))
    else:
        keys = (*_MAIN[form], *(key for key in _ANSWER.get(stage, ()) if key != "output"))
    return {key: key for key in keys}


def objections(recipe: Recipe) -> Iterator[Objection]:
    """What cannot be done with the recipe's hub data sets, key by key."""
    sources = recipe.data.sources
    on_hub = {number: one for number, one in enumerate(sources) if one.dataset is not None}
    for number, source in on_hub.items():
        yield from _source_objections(f"data.sources.{number}", source, recipe.train.stage)
    if not on_hub:
        return
    itself = "the engine loads the rows of a hub data set itself"
    if recipe.data.split.train < 1:
        why = f"{itself}; rows for the loss: evaluate.validation_share"
        yield Objection("data.split.train", "does not reach a hub data set", why, "1")
    if recipe.data.dedupe is not None:
        yield Objection("data.dedupe", "does not reach a hub data set", itself, "null")
    if recipe.train.max_samples is not None and len(sources) > 1:
        why = "it would take that many from the head of each data set; say it for each source"
        what = "the engine draws no sample over several data sets"
        yield Objection("train.max_samples", what, why, "data.sources.N.sample_rows")


def _source_objections(at: str, source: Source, stage: str) -> Iterator[Objection]:
    form = row_format(source, stage)
    for key in _ELSEWHERE:
        if getattr(source, key):
            instead = "say what its columns are called with `fields`"
            yield Objection(f"{at}.{key}", "does nothing to a hub data set here", instead, "null")
    if form not in COLUMNS:
        what = f"the engine reads no {form} rows from a hub"
        near = nearest(form, COLUMNS) or "alpaca"
        yield Objection(f"{at}.format", what, listed([*COLUMNS]), near)
        return
    if (stage == "pt") != (form == "text"):
        what, meant = ("reads texts", "text") if stage == "pt" else ("wants answers", "alpaca")
        yield Objection(f"{at}.format", f"{form} rows do not fit: {stage} {what}", "", meant)
    for name, known in (("fields", COLUMNS[form]), ("tags", TAGS.get(form, {}))):
        for key in set(getattr(source, name)) - set(known):
            what = f"{form} rows have no such key"
            why = f"they have {listed([*known], 'and')}" if known else ""
            yield Objection(f"{at}.{name}.{key}", what, why, nearest(key, known))
    if source.fields:
        for key in set(_ANSWER.get(stage, ())) - set(source.fields) - {"output"}:
            what = f"must say which column is {key!r}: rows of {stage} have it"
            yield Objection(f"{at}.fields", what)
