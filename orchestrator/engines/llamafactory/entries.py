"""Entries of ``dataset_info.json``; of a hub data set only the columns that the recipe declares.

The engine raises KeyError for a declared column that a row lacks, and ignores, without a word, what
is not declared. Source: llamafactory/data/parser.py (DatasetAttr) and converter.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data_tools.nearest import nearest
from orchestrator.base.language import say
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
    itself = say("the engine loads the rows of a hub data set itself", "引擎自己加载平台数据集的行")
    if recipe.data.split.train < 1:
        why = say(
            f"{itself}; rows for the loss: evaluate.validation_share",
            f"{itself}；用于计算损失的行：evaluate.validation_share",
        )
        yield Objection(
            "data.split.train",
            say("does not reach a hub data set", "对平台数据集不起作用"),
            why,
            "1",
        )
    if recipe.data.dedupe is not None:
        yield Objection(
            "data.dedupe",
            say("does not reach a hub data set", "对平台数据集不起作用"),
            itself,
            "null",
        )
    if recipe.train.max_samples is not None and len(sources) > 1:
        why = say(
            "it would take that many from the head of each data set; say it for each source",
            "它会从每个数据集的开头各取这么多行；请为每个数据源分别设置",
        )
        what = say(
            "the engine draws no sample over several data sets", "引擎不会从多个数据集中抽样"
        )
        yield Objection("train.max_samples", what, why, "data.sources.N.sample_rows")


def _source_objections(at: str, source: Source, stage: str) -> Iterator[Objection]:
    form = row_format(source, stage)
    for key in _ELSEWHERE:
        if getattr(source, key):
            instead = say(
                "say what its columns are called with `fields`", "请用 `fields` 写出各列的名称"
            )
            yield Objection(
                f"{at}.{key}",
                say("does nothing to a hub data set here", "在这里对平台数据集不起作用"),
                instead,
                "null",
            )
    if form not in COLUMNS:
        what = say(
            f"the engine reads no {form} rows from a hub", f"引擎不从平台读取 {form} 格式的行"
        )
        near = nearest(form, COLUMNS) or "alpaca"
        yield Objection(f"{at}.format", what, listed([*COLUMNS]), near)
        return
    if (stage == "pt") != (form == "text"):
        what, meant = (
            (say("reads texts", "只读取文本"), "text")
            if stage == "pt"
            else (say("wants answers", "需要回答"), "alpaca")
        )
        yield Objection(
            f"{at}.format",
            say(
                f"{form} rows do not fit: {stage} {what}", f"{form} 格式的行不适用：{stage} {what}"
            ),
            "",
            meant,
        )
    for name, known in (("fields", COLUMNS[form]), ("tags", TAGS.get(form, {}))):
        for key in set(getattr(source, name)) - set(known):
            what = say(f"{form} rows have no such key", f"{form} 格式的行没有这个键")
            why = (
                say(f"they have {listed([*known], 'and')}", f"它们有 {listed([*known], '和')}")
                if known
                else ""
            )
            yield Objection(f"{at}.{name}.{key}", what, why, nearest(key, known))
    if source.fields:
        for key in set(_ANSWER.get(stage, ())) - set(source.fields) - {"output"}:
            what = say(
                f"must say which column is {key!r}: rows of {stage} have it",
                f"必须写明哪一列是 {key!r}：{stage} 的行含有它",
            )
            yield Objection(f"{at}.fields", what)
