"""The tree against the schema: pydantic's verdict in plain words, with places and guesses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from data_tools.nearest import nearest
from orchestrator.base.language import say
from orchestrator.base.secrets import is_secret_name
from orchestrator.base.text import listed, shown
from orchestrator.recipe import keys
from orchestrator.recipe.faults import Fault, Judge, Objection
from orchestrator.recipe.layers import stripped
from orchestrator.recipe.params import read_params
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.yaml_tree import Node, at_path, children

Path = tuple[str, ...]
Words = tuple[str, str, str]
"""What is wrong, why, and what was probably meant."""

#: pydantic's type of error -> the word for the limit in both languages, and the limit's name.
_LIMITS = {
    "greater_than_equal": ("at least", "不小于", "ge"),
    "greater_than": ("more than", "大于", "gt"),
    "less_than_equal": ("at most", "不大于", "le"),
    "less_than": ("less than", "小于", "lt"),
}
_FIXED = {
    "string_too_short": ("must not be empty", "不能为空"),
    "too_short": ("must have at least one item", "至少要有一项"),
    "finite_number": ("must be a finite number", "必须是有限的数"),
    "string_unicode": (
        "must be valid text: it holds bytes that are not UTF-8",
        "必须是有效的文本：其中有非 UTF-8 的字节",
    ),
}


def check(tree: Node, faults: list[Fault], judge: Judge | None = None) -> Recipe | None:
    """The recipe; None when ``faults`` has grown."""
    from pydantic_core import ValidationError

    mine: list[Fault] = []
    recipe = None
    try:
        recipe = Recipe.model_validate(stripped(tree))
    except ValidationError as error:
        # What a class says about its own fields is asked below, even where pydantic gave up early.
        errors = error.errors(include_url=False)
        mine = [_fault(tree, each) for each in errors if each["type"] != "value_error"]
    mine += [*_problems(tree, (), Recipe), *_param_faults(tree)]
    if judge is not None and not any(fault.key == "engine" for fault in mine):
        mine += _objections(tree, _rest(tree, mine) if mine else recipe, judge, mine)
    faults += mine
    return None if mine else recipe


def _rest(tree: Node, faults: list[Fault]) -> Recipe | None:
    """The recipe without its faulty keys, so that its engine may say at once what else is wrong."""
    from pydantic_core import ValidationError

    values = stripped(tree)
    for fault in faults:
        *outer, last = fault.key.split(".")
        place = values
        for key in outer:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(last, None)
    try:
        return Recipe.model_validate(values)
    except ValidationError:
        return None


def _objections(
    tree: Node, recipe: Recipe | None, judge: Judge, before: list[Fault]
) -> list[Fault]:
    engine = at_path(tree, ["engine"])[0].value
    faulty = {fault.key for fault in before}
    objections = judge(engine if isinstance(engine, str) else "", recipe)
    return [_objection(tree, each) for each in objections if each.key not in faulty]


def _objection(tree: Node, objection: Objection) -> Fault:
    node = at_path(tree, objection.key.split("."))[0]
    return Fault(node.at, objection.key, objection.what, objection.why, objection.meant)


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
    what = say("is required, but missing", "必须给出，但缺少")
    if depth == len(path):
        what = say("is required, and null takes it away", "必须给出，而 null 取消了它")
    field = keys.field_of(keys.kind_at(path[:-1]), path[-1])
    why = field.metadata["description"] if field else ""
    return Fault(node.key_at or node.at, ".".join(path), what, why)


def _unknown(path: Path, node: Node) -> Fault:
    meant = keys.meant(path)
    known = [field.name for field in keys.known_fields(keys.kind_at(path[:-1]))]
    names = listed(known, say("and", "和"))
    why = "" if meant else say(f"known here: {names}", f"此处可用：{names}")
    return Fault(node.key_at or node.at, ".".join(path), keys.no_such_key(), why, meant)


def _problems(node: Node, path: Path, kind: Any) -> Iterator[Fault]:
    """What the schema's classes say about their own fields, all the way down."""
    cls = keys.value_class(kind)
    if cls is not None and isinstance(node.value, dict):
        for message, *inner in cls.problems(stripped(node, cls)):
            yield Fault(at_path(node, inner)[0].at, ".".join([*path, *inner]), message)
    if kind is Any and is_secret_name(path[-1]) and _is_text_or_number(node.value):
        yield Fault(node.at, ".".join(path), *_secret())
    for key, child in children(node):
        yield from _problems(child, (*path, key), keys.step(kind, key))


def _is_text_or_number(value: Any) -> bool:
    return isinstance(value, str | float | int) and not isinstance(value, bool) and value != ""


def _secret() -> tuple[str, str]:
    return (
        say("a secret does not belong into a recipe", "密钥不应写进配方"),
        say(
            "it would stand in the run's files; export it before the command, as HF_TOKEN, "
            "MODELSCOPE_API_TOKEN, WANDB_API_KEY …",
            "它会留在运行目录的文件里；请在命令之前用环境变量给出：HF_TOKEN、"
            "MODELSCOPE_API_TOKEN、WANDB_API_KEY 等",
        ),
    )


def _words(error: Any, path: Path, node: Node) -> Words:
    kind, value = error["type"], shown(node.value)
    if kind in _FIXED:
        return say(*_FIXED[kind]), "", ""
    if kind in _LIMITS:
        english, chinese, limit = _LIMITS[kind]
        bound = f"{error['ctx'][limit]:g}"
        what = say(
            f"must be {english} {bound}, not {value}", f"必须{chinese} {bound}，而不是 {value}"
        )
        return what, "", ""
    if kind == "string_pattern_mismatch":
        field = keys.field_of(keys.kind_at(path[:-1]), path[-1])
        examples = listed(field.metadata.get("examples", []) if field else [], say("or", "或"))
        what = say(f"must look like {examples}, not {value}", f"应形如 {examples}，而不是 {value}")
        return what, "", ""
    return _wrong_kind(keys.kind_at(path), node)


def _wrong_kind(kind: Any, node: Node) -> Words:
    described, value = keys.described(kind), _described(node)
    what = say(f"must be {described}, not {value}", f"应为{described}，而不是{value}")
    if str in keys.members(kind) and node.text:
        why = say(
            f'to mean the text, write "{node.text}" in quotes',
            f'若要表示文本，请加引号："{node.text}"',
        )
        return what, why, ""
    words = [
        str(word)
        for member in keys.members(kind)
        if get_origin(member) is Literal
        for word in get_args(member)
    ]
    return what, "", nearest(str(node.value), words)


def _described(node: Node) -> str:
    if isinstance(node.value, dict):
        return say("a mapping", "映射")
    if isinstance(node.value, list):
        return say("a list", "列表")
    if isinstance(node.value, bool) or node.value is None:
        return node.text or say("nothing", "空")
    if isinstance(node.value, str):
        return say("the text ", "文本 ") + shown(node.value)
    return say("the number ", "数字 ") + shown(node.value)
