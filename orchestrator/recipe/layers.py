"""Who said what: laying one tree over another, and single values over both.

Precedence: default < parent < recipe < environment < command line. Mappings merge, lists replace,
and `null` puts a key back to its default (under a free-form mapping such as `engine_options` it is
a value like any other).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.base.language import say
from orchestrator.recipe import keys
from orchestrator.recipe.faults import Fault, Mark
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.yaml_tree import Node, at_path, item_number, merge, parse

Layer = Literal["default", "required", "parent", "recipe", "environment", "command line"]
ENVIRONMENT_PREFIX = "RECIPE_SET_"
_INDEX = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True)
class Origin:
    """Where a value came from. ``text`` is the value as it was written there."""

    layer: Layer
    file: str | None = None
    line: int | None = None
    text: str = ""

    def __str__(self) -> str:
        place = str(Mark(self.file, self.line)) if self.file else ""
        return f"{self.layer} {place}".strip()


@dataclass(frozen=True)
class Setting:
    """One value laid over the files: a dotted key and text, from a place that has no lines."""

    path: tuple[str, ...]
    text: str
    at: Mark
    layer: Layer
    literal: bool = False
    """Text fields take the value as it stands even where `null` would reset them."""


def from_environment(environ: Mapping[str, str]) -> list[Setting]:
    """RECIPE_SET_TRAIN__BATCH_SIZE=2 sets train.batch_size: `__` for a dot, in any case."""
    settings = []
    for name in sorted(environ):
        if name.startswith(ENVIRONMENT_PREFIX):
            path = _folded(name[len(ENVIRONMENT_PREFIX) :].split("__"))
            settings.append(Setting(path, environ[name], Mark(name), "environment"))
    return settings


def _folded(parts: Sequence[str]) -> tuple[str, ...]:
    """The parts in the schema's own spelling; a free-form part stays as it is."""
    path: list[str] = []
    for part in parts:
        fields = keys.known_fields(keys.kind_at(path))
        known = {field.name.casefold(): field.name for field in fields}
        free = keys.kind_at(path) is Any or not known
        path.append(part if free else known.get(part.casefold(), part.casefold()))
    return tuple(path)


def from_sets(sets: Sequence[str], faults: list[Fault]) -> list[Setting]:
    """``--set a.b=v``; an item of a list is `a.0` or `a[0]`."""
    settings = []
    for word in sets:
        key, equals, text = word.partition("=")
        if equals and key:
            at = Mark(f"--set {key}")
            path = _INDEX.sub(r".\1", key.strip()).split(".")
            settings.append(Setting(tuple(path), text, at, "command line"))
        else:
            what = say("give it as KEY=VALUE", "请写成 KEY=VALUE")
            faults.append(Fault(Mark(f"--set {word}"), "", what))
    return settings


def apply(tree: Node, setting: Setting, faults: list[Fault]) -> Node:
    """The tree with one value set. A key that the schema does not have is a fault."""
    kind = keys.kind_at(setting.path)
    if kind is None:
        faults.append(_unknown(setting))
        return tree
    node = _value(setting, kind, faults)
    return tree if node is None else _set(tree, setting.path, node, (), faults)


def _unknown(setting: Setting) -> Fault:
    key = ".".join(setting.path)
    if key == "extends":
        what = say("cannot be set here", "不能在此设置")
        return Fault(
            setting.at, key, what, say("it belongs into a recipe file", "应写在配方文件中")
        )
    meant = keys.meant(setting.path)
    why = ""
    if meant and setting.layer == "environment":
        variable = ENVIRONMENT_PREFIX + meant.upper().replace(".", "__")
        why = say(f"its variable is {variable}", f"对应的变量是 {variable}")
    return Fault(setting.at, key, keys.no_such_key(), why, meant)


def _value(setting: Setting, kind: Any, faults: list[Fault]) -> Node | None:
    """The text as a node. For a text field it is data as it stands; else it is read as YAML."""
    asis = Node(setting.text, setting.at, text=setting.text, layer=setting.layer)
    if keys.is_text(kind):
        reset = setting.text == "null" and not setting.literal
        return asis._replace(value=None) if reset else asis
    mine: list[Fault] = []
    node = parse(setting.text, setting.at.file, mine, layer=setting.layer, at=setting.at)
    if str in keys.members(kind) and (mine or node is None or not _is_number(node.value)):
        return asis
    option, _, name = setting.at.file.rpartition(" ")
    word = f"{option} '{name}=\"…\"'" if option else f"{name}='\"…\"'"
    hint = say(f"to mean text, quote it twice: {word}", f"若要表示文本，请加两层引号：{word}")
    key = ".".join(setting.path)
    faults += [fault._replace(key=key, why=f"{fault.why or fault.what}; {hint}") for fault in mine]
    return node if not mine else None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _set(
    tree: Node, path: Sequence[str], node: Node, above: tuple[str, ...], faults: list[Fault]
) -> Node:
    if not path:
        return merge(tree, node)
    first, *rest = path
    here = (*above, first)
    if isinstance(tree.value, list):
        number, items = item_number(first), list(tree.value)
        if number is None or number >= len(items):
            name = ".".join(above)
            why = say(
                f"{name} has {len(items)} items, counted from 0",
                f"{name} 有 {len(items)} 项，从 0 数起",
            )
            what = say("there is no such item", "没有这一项")
            faults.append(Fault(node.at, ".".join(here), what, why))
            return tree
        items[number] = _set(items[number], rest, node, here, faults)
        return tree._replace(value=items)
    inner = dict(tree.value) if isinstance(tree.value, dict) else {}
    empty = Node({}, node.at, layer=node.layer)
    if not isinstance(inner.get(first, empty).value, (dict, list)) and rest:
        inner.pop(first)
    inner[first] = _set(inner.get(first, empty), rest, node, here, faults)
    return tree._replace(value=inner)


def stripped(node: Node, kind: Any = Recipe) -> Any:
    """Plain data for the validator, without the keys that `null` puts back to their default."""
    if isinstance(node.value, dict):
        inner = {key: (child, keys.step(kind, key)) for key, child in node.value.items()}
        return {
            key: stripped(child, under)
            for key, (child, under) in inner.items()
            if child.value is not None or under is Any or under is None
        }
    if isinstance(node.value, list):
        return [stripped(child, keys.step(kind, "0")) for child in node.value]
    return node.value


def provenance(recipe: Recipe, tree: Node) -> dict[str, Origin]:
    """The origin of every value, by dotted key, in the order of the schema."""
    return {".".join(path): _origin(tree, path) for path, _ in leaves(recipe.model_dump())}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path, value) of everything that has no parts: scalars, empty mappings and empty lists."""
    if not value or not isinstance(value, (dict, list)):
        yield path, value
        return
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in inner:
        yield from leaves(child, (*path, str(key)))


def _origin(tree: Node, path: tuple[str, ...]) -> Origin:
    node, depth = at_path(tree, path)
    if depth < len(path) or (node.value is None and keys.kind_at(path) is not Any):
        return Origin("default")
    layer: Any = node.layer
    return Origin(layer, node.at.file, node.at.line, node.text)
