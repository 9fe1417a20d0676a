"""Who said what: laying one tree over another, and single values over both.

Precedence: default < parent < recipe < environment < command line. Mappings merge, lists replace,
and `null` puts a key back to its default (under a free-form mapping such as `engine_options` it is
a value like any other).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from orchestrator.recipe import keys
from orchestrator.recipe.faults import Fault, Mark
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.yaml_tree import Node, at_path, merge, parse

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
    found = []
    for name in sorted(environ):
        if name.startswith(ENVIRONMENT_PREFIX):
            path = _folded(name[len(ENVIRONMENT_PREFIX) :].split("__"))
            found.append(Setting(path, environ[name], Mark(name), "environment"))
    return found


def _folded(parts: Sequence[str]) -> tuple[str, ...]:
    """The parts in the schema's own spelling; a free-form part stays as it is."""
    path: list[str] = []
    for part in parts:
        known = {one.name.casefold(): one.name for one in keys.known_fields(keys.kind_at(path))}
        free = keys.kind_at(path) is Any or not known
        path.append(part if free else known.get(part.casefold(), part.casefold()))
    return tuple(path)


def from_sets(sets: Sequence[str], faults: list[Fault]) -> list[Setting]:
    """``--set a.b=v``; an item of a list is `a.0` or `a[0]`."""
    found = []
    for given in sets:
        key, equals, text = given.partition("=")
        if equals and key:
            at = Mark(f"--set {key}")
            path = _INDEX.sub(r".\1", key.strip()).split(".")
            found.append(Setting(tuple(path), text, at, "command line"))
        else:
            faults.append(Fault(Mark(f"--set {given}"), "", "give it as KEY=VALUE"))
    return found


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
        return Fault(setting.at, key, "cannot be set here", "it belongs into a recipe file")
    return Fault(setting.at, key, "there is no such key", meant=keys.meant(setting.path))


def _value(setting: Setting, kind: Any, faults: list[Fault]) -> Node | None:
    """The text as a node. For a text field it is data as it stands; else it is read as YAML."""
    asis = Node(setting.text, setting.at, text=setting.text, layer=setting.layer)
    if keys.is_text(kind):
        reset = setting.text == "null" and not setting.literal
        return replace(asis, value=None) if reset else asis
    found: list[Fault] = []
    node = parse(setting.text, setting.at.file, found, layer=setting.layer, at=setting.at)
    if str in keys.members(kind) and (found or node is None or not _is_number(node.value)):
        return asis
    key = ".".join(setting.path)
    hint = f"to mean text, quote it twice: --set '{key}=\"…\"'"
    faults += [replace(fault, key=key, why=f"{fault.why or fault.what}; {hint}") for fault in found]
    return node if not found else None


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
        if not first.isdecimal() or int(first) >= len(tree.value):
            why = f"{'.'.join(above)} has {len(tree.value)} items, counted from 0"
            faults.append(Fault(node.at, ".".join(here), "there is no such item", why))
            return tree
        items = list(tree.value)
        items[int(first)] = _set(items[int(first)], rest, node, here, faults)
        return replace(tree, value=items)
    inner = dict(tree.value) if isinstance(tree.value, dict) else {}
    empty = Node({}, node.at, layer=node.layer)
    if not isinstance(inner.get(first, empty).value, (dict, list)) and rest:
        inner.pop(first)
    inner[first] = _set(inner.get(first, empty), rest, node, here, faults)
    return replace(tree, value=inner)


def stripped(node: Node, kind: Any = Recipe) -> Any:
    """Plain data for the validator, without the keys that `null` puts back to their default."""
    if isinstance(node.value, dict):
        inner = {key: (one, keys.step(kind, key)) for key, one in node.value.items()}
        return {
            key: stripped(one, under)
            for key, (one, under) in inner.items()
            if one.value is not None or under is Any or under is None
        }
    if isinstance(node.value, list):
        return [stripped(one, keys.step(kind, "0")) for one in node.value]
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
    for key, one in inner:
        yield from leaves(one, (*path, str(key)))


def _origin(tree: Node, path: tuple[str, ...]) -> Origin:
    node, depth = at_path(tree, path)
    if depth < len(path) or (node.value is None and keys.kind_at(path) is not Any):
        return Origin("default")
    layer: Any = node.layer
    return Origin(layer, node.at.file, node.at.line, node.text)
