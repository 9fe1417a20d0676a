"""Questions about the schema: what a dotted key is, what stands beside it, what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import Field, fields, is_dataclass
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from data_tools.nearest import nearest
from orchestrator.base.language import say
from orchestrator.base.text import listed
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.value import Value

_NAMES = {
    str: ("text", "文本"),
    int: ("a whole number", "整数"),
    float: ("a number", "数字"),
    bool: ("true or false", "true 或 false"),
}

#: The engines' and tutorials' own words for keys that are called otherwise here.
_SYNONYMS = {
    "accumulative_counts": "accumulate",
    "cutoff_len": "max_length",
    "data_path": "path",
    "evaluation_freq": "every",
    "evaluation_inputs": "prompts",
    "gradient_accumulation_steps": "accumulate",
    "lora_alpha": "alpha",
    "lora_dropout": "dropout",
    "lora_rank": "rank",
    "lr": "learning_rate",
    "lr_scheduler_type": "scheduler",
    "max_epochs": "epochs",
    "max_seq_length": "max_length",
    "model_name_or_path": "id",
    "num_train_epochs": "epochs",
    "pack_to_max_length": "pack",
    "packing": "pack",
    "per_device_train_batch_size": "batch_size",
    "pre_seq_len": "prefix_length",
    "prefix_projection": "projection",
    "pretrained_model_name_or_path": "id",
    "prompt_template": "template",
    "r": "rank",
}


@cache
def members(kind: Any) -> tuple[Any, ...]:
    """The kinds that a field takes, ``None`` left out: ``int | str | None`` gives (int, str)."""
    if get_origin(kind) in (Union, UnionType):
        return tuple(member for member in get_args(kind) if member is not NoneType)
    return (kind,)


def field_of(kind: Any, name: str) -> Field[Any] | None:
    """The field ``name`` when ``kind`` is one of the schema's classes and has it."""
    return next((member for member in known_fields(kind) if member.name == name), None)


def value_class(kind: Any) -> type[Value] | None:
    """The schema's class among the kinds that a field takes."""
    for member in members(kind):
        if isinstance(member, type) and issubclass(member, Value):
            return member
    return None


@cache
def known_fields(kind: Any) -> tuple[Field[Any], ...]:
    cls = value_class(kind)
    return fields(cls) if cls is not None else ()


@lru_cache(maxsize=4096)
def step(kind: Any, part: str) -> Any:
    """The kind one part further down a dotted key; None when there is no such key."""
    for member in members(kind):
        if member is Any:
            return Any
        if (field := field_of(member, part)) is not None:
            return field.type
        if get_origin(member) is list and part.isdecimal():
            return get_args(member)[0]
        if get_origin(member) is dict:
            return get_args(member)[1]
    return None


def kind_at(path: Sequence[str]) -> Any:
    """The kind of a dotted key of the recipe; None when there is no such key."""
    kind: Any = Recipe
    for part in path:
        if kind is not None:
            kind = step(kind, part)
    return kind


def is_text(kind: Any) -> bool:
    """Whether a value for this field is taken as it stands, not read as YAML."""
    kinds = members(kind)
    return all(member is str or _is_words(member) for member in kinds)


def _is_words(kind: Any) -> bool:
    return get_origin(kind) is Literal and all(isinstance(member, str) for member in get_args(kind))


def described(kind: Any) -> str:
    """What belongs into a field, in words: "one of zh, en or both", "a list of text"."""
    return say(" or ", "或").join(_described(member) for member in members(kind))


def _described(kind: Any) -> str:
    if get_origin(kind) is Literal:
        words = [str(word) for word in get_args(kind)]
        return say(f"one of {listed(words)}", f"{listed(words, '或')} 之一")
    if get_origin(kind) is list:
        inner = get_args(kind)[0]
        if is_dataclass(inner):
            return say("a list of mappings", "映射的列表")
        return say(f"a list of {described(inner)}", f"{described(inner)}的列表")
    return say(*_NAMES.get(kind, ("a mapping (`key: value` lines)", "映射（`key: value` 各行）")))


def no_such_key() -> str:
    return say("there is no such key", "没有这个键")


@cache
def all_keys() -> tuple[str, ...]:
    """Every dotted key of a recipe; `0` stands for any item of a list."""
    return tuple(_keys(Recipe, ""))


def _keys(kind: Any, prefix: str) -> Iterator[str]:
    for member in members(kind):
        if get_origin(member) is list:
            yield from _keys(get_args(member)[0], f"{prefix}0.")
        for field in known_fields(member):
            yield f"{prefix}{field.name}"
            yield from _keys(field.type, f"{prefix}{field.name}.")


def meant(path: Sequence[str]) -> str:
    """The key that an unknown dotted key was probably meant to be, or nothing.

    A neighbour that is spelled alike comes first, then a whole key that is, then the same word
    elsewhere in the recipe.
    """
    *above, last = path
    last = _SYNONYMS.get(last, last)
    near = nearest(last, [member.name for member in known_fields(kind_at(above))])
    if near:
        return ".".join([*above, near])
    whole = ".".join("0" if part.isdecimal() else part for part in path)
    if near := nearest(whole, all_keys(), cutoff=0.85):
        return near
    by_last_word = {key.rpartition(".")[2]: key for key in reversed(all_keys())}
    return by_last_word.get(nearest(last, by_last_word), "")
