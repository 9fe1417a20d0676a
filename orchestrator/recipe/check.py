"""The tree against the schema: pydantic's verdict in plain English, with places and guesses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from orchestrator.base.language import say
from orchestrator.base.nearest import nearest
from orchestrator.base.text import listed, shown
from orchestrator.recipe import keys
from orchestrator.recipe.faults import Fault, Judge
from orchestrator.recipe.layers import stripped
from orchestrator.recipe.params import read_params
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.yaml_tree import Node, at_path, children

Path = tuple[str, ...]
Words = tuple[str, str, str]
"""What is wrong, why, and what was probably meant."""

_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}
_FIXED: dict[str, Words] = {
    "string_too_short": ("must not be empty", "", ""),
    "too_short": ("must have at least one item", "", ""),
    "finite_number": ("must be a finite number", "", ""),
    "string_unicode": ("must be valid text", "it holds bytes that are not UTF-8", ""),
}


def check(tree: Node, faults: list[Fault], judge: Judge | None = None) -> Recipe | None:
    """The recipe; None when ``faults`` has grown."""
    from pydantic_core import ValidationError

    found: list[Fault] = []
    recipe = None
    try:
        recipe = Recipe.model_validate(stripped(tree))
    except ValidationError as error:
        # What a class says about its own fields is asked below, even where pydantic gave up early.
        told = [one for one in error.errors(include_url=False) if one["type"] != "value_error"]
        found = [_fault(tree, one) for one in told]
    found += [*_problems(tree, (), Recipe), *_param_faults(tree)]
    if judge is not None and not any(fault.key == "engine" for fault in found):
        found += _objections(tree, None if found else recipe, judge)
    faults += found
    return None if found else recipe


def _objections(tree: Node, recipe: Recipe | None, judge: Judge) -> Iterator[Fault]:
    engine = at_path(tree, ["engine"])[0].value
    for told in judge(engine if isinstance(engine, str) else "", recipe):
        node = at_path(tree, told.key.split("."))[0]
        yield Fault(node.at, told.key, told.what, told.why, told.meant)


def _param_faults(tree: Node) -> Iterator[Fault]:
    """A short name must stand for a key that there is."""
    for param in read_params(tree).values():
        if keys.kind_at(param.path) is None:
            what = say(
                f"stands for {param.key}, and there is no such key",
                f"指向 {param.key}，但没有这个键",
            )
            yield Fault(param.at, f"params.{param.name}", what, meant=keys.meant(param.path))


def _fault(tree: Node, error: Any) -> Fault:
    path = tuple(str(part) for part in error["loc"])
    node, depth = at_path(tree, path)
    if error["type"] == "missing":
        return _missing(path, node, depth)
    if error["type"] == "unexpected_keyword_argument":
        return _unknown(path, node)
    path = path[:depth]  # further down stand only the names of a union's members
    return Fault(node.at, ".".join(path), *_words(error, path, node))


def _missing(path: Path, node: Node, depth: int) -> Fault:
    reset = depth == len(path)
    what = "is required, and null takes it away" if reset else "is required, but missing"
    field = keys.field_of(keys.kind_at(path[:-1]), path[-1])
    why = field.metadata["description"] if field else ""
    return Fault(node.key_at or node.at, ".".join(path), what, why)


def _unknown(path: Path, node: Node) -> Fault:
    meant = keys.meant(path)
    known = [one.name for one in keys.known_fields(keys.kind_at(path[:-1]))]
    why = "" if meant else f"known here: {listed(known, 'and')}"
    return Fault(node.key_at or node.at, ".".join(path), "there is no such key", why, meant)


def _problems(node: Node, path: Path, kind: Any) -> Iterator[Fault]:
    """What the schema's classes say about their own fields, all the way down."""
    cls = keys.value_class(kind)
    if cls is not None and isinstance(node.value, dict):
        for message, *inner in cls.problems(stripped(node, cls)):
            yield Fault(at_path(node, inner)[0].at, ".".join([*path, *inner]), message)
    for key, one in children(node):
        yield from _problems(one, (*path, key), keys.step(kind, key))


def _words(error: Any, path: Path, node: Node) -> Words:
    type_, said = error["type"], shown(node.value)
    if type_ in _FIXED:
        return _FIXED[type_]
    if type_ in _LIMITS:
        word, limit = _LIMITS[type_]
        return f"must be {word} {error['ctx'][limit]:g}, not {said}", "", ""
    if type_ == "string_pattern_mismatch":
        field = keys.field_of(keys.kind_at(path[:-1]), path[-1])
        examples = field.metadata.get("examples", []) if field else []
        return f"must look like {listed(examples)}, not {said}", "", ""
    return _wrong_kind(keys.kind_at(path), node)


def _wrong_kind(kind: Any, node: Node) -> Words:
    what = f"must be {keys.described(kind)}, not {_said(node)}"
    if str in keys.members(kind) and node.text:
        return what, f'to mean the text, write "{node.text}" in quotes', ""
    words = [
        str(word)
        for one in keys.members(kind)
        if get_origin(one) is Literal
        for word in get_args(one)
    ]
    return what, "", nearest(str(node.value), words)


def _said(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if isinstance(node.value, bool) or node.value is None:
        return node.text or "nothing"
    prefix = "the text " if isinstance(node.value, str) else "the number "
    return prefix + shown(node.value)
