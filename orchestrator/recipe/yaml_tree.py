"""YAML text as a tree that remembers where everything stands.

The dialect is YAML 1.2's core schema without its traps: `1e-4` is a number, `no` and `on` are
text, a key may stand once, there are no tags (so no objects), one document, and an alias cannot
blow up. Why PyYAML's event stream and not another library: docs/decisions/yaml.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml
from yaml import events

from orchestrator.base.language import say
from orchestrator.base.text import shown
from orchestrator.recipe.faults import Fault, Mark
from orchestrator.recipe.yaml_words import in_plain_words

MAX_DEPTH = 40
MAX_NODES = 20_000
"""Bound of a tree after its aliases are expanded; the largest real recipe has a few hundred."""

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_NAN = {".nan", ".NaN", ".NAN"}
_LONGEST_INT = 4000  # Python refuses to convert longer ones


class Node(NamedTuple):
    """One value: a scalar, ``dict[str, Node]`` or ``list[Node]``.

    ``at`` is where the value stands, ``key_at`` its key, ``text`` a scalar as it was written, and
    ``layer`` who said it (see :mod:`orchestrator.recipe.layers`).
    """

    value: Any
    at: Mark
    text: str = ""
    key_at: Mark | None = None
    layer: str = "recipe"

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def children(node: Node) -> list[tuple[str, Node]]:
    """The nodes inside a mapping or list, by key or index."""
    if isinstance(node.value, dict):
        return list(node.value.items())
    return (
        [(str(i), item) for i, item in enumerate(node.value)]
        if isinstance(node.value, list)
        else []
    )


def merge(base: Node | None, over: Node) -> Node:
    """``over`` laid on ``base``: mappings key by key, everything else replaced."""
    if base is None or not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    merged = dict(base.value)
    for key, node in over.value.items():
        merged[key] = merge(merged.get(key), node)
    return over._replace(value=merged)


def at_path(tree: Node, path: Sequence[str]) -> tuple[Node, int]:
    """The node as far down ``path`` as the tree goes, and how many parts that were.

    A key may have dots of its own, as those of `engine_options` do.
    """
    node, depth = tree, 0
    while depth < len(path):
        part, taken = path[depth], 1
        number = item_number(part) if isinstance(node.value, list) else None
        if number is not None and number < len(node.value):
            node = node.value[number]
        elif isinstance(node.value, dict):
            ends = range(len(path), depth, -1)
            key = next((k for n in ends if (k := ".".join(path[depth:n])) in node.value), None)
            if key is None:
                break
            node, taken = node.value[key], key.count(".") + 1
        else:
            break
        depth += taken
    return node, depth


def item_number(part: str) -> int | None:
    """The part of a dotted key as an item's number, from 0; None when it is none."""
    return int(part) if part.isdecimal() and len(part) < 10 else None


def scalar(text: str) -> Any:
    """What a plain (unquoted) scalar means under YAML 1.2's core schema."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text) and len(text) <= _LONGEST_INT:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if infinite := _INFINITE.fullmatch(text):
        return float(f"{infinite[1]}inf")
    return math.nan if text in _NAN else text


def parse(
    text: str, file: str, faults: list[Fault], *, layer: str = "recipe", at: Mark | None = None
) -> Node | None:
    """The one document in ``text``; what is wrong with it is added to ``faults``.

    ``at`` stands for every place in it: values of the command line have no lines. None when the
    text is not YAML at all.
    """
    composer = _Composer(file, faults, layer, at)
    try:
        return composer.document(_Parser(text))
    except _TooMuch as error:
        faults.append(Fault(error.args[0], "", error.args[1]))
    except yaml.YAMLError as error:
        faults.append(_syntax_fault(error, file, at))
    return None


class _TooMuch(Exception):
    """(place, what): the document is too deep or too large to go on."""


class _Composer:
    """Builds nodes out of parser events: one pass, bounded in depth and in size."""

    def __init__(self, file: str, faults: list[Fault], layer: str, at: Mark | None) -> None:
        self.file, self.faults, self.layer, self.fixed = file, faults, layer, at
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.count = 0

    def document(self, parser: Any) -> Node | None:
        parser.get_event()  # the stream's start
        if parser.check_event(events.StreamEndEvent):
            return Node(None, Mark(self.file, 1, 1), layer=self.layer)
        parser.get_event()  # the document's start
        node = self.node(parser, parser.get_event(), 0)
        parser.get_event()  # the document's end
        extra = parser.get_event()
        if not isinstance(extra, events.StreamEndEvent):
            what = say("a second document begins here", "此处开始了第二个文档")
            why = say("a recipe file holds one", "一个配方文件只含一个文档")
            self.faults.append(Fault(self.mark(extra), "", what, why))
        return node

    def mark(self, event: Any) -> Mark:
        where = event.start_mark
        return self.fixed or Mark(self.file, where.line + 1, where.column + 1)

    def node(self, parser: Any, event: Any, depth: int) -> Node:
        at, before = self.mark(event), self.count
        self.grow(at, depth)
        if isinstance(event, events.AliasEvent):
            return self.alias(event, at)
        self.refuse_tag(event, at)
        if isinstance(event, events.MappingStartEvent):
            made = Node(self.mapping(parser, depth + 1), at, layer=self.layer)
        elif isinstance(event, events.SequenceStartEvent):
            made = Node(self.sequence(parser, depth + 1), at, layer=self.layer)
        else:
            value = scalar(event.value) if not event.style else event.value
            made = Node(value, at, text=event.value, layer=self.layer)
        if event.anchor:
            self.anchors[event.anchor] = (made, self.count - before)
        return made

    def grow(self, at: Mark, depth: int, by: int = 1) -> None:
        self.count += by
        if depth > MAX_DEPTH:
            what = say(f"nested more than {MAX_DEPTH} deep", f"嵌套超过 {MAX_DEPTH} 层")
            raise _TooMuch(at, what)
        if self.count > MAX_NODES:
            what = say(
                f"more than {MAX_NODES} values once its aliases are expanded",
                f"展开别名后超过 {MAX_NODES} 个值",
            )
            raise _TooMuch(at, what)

    def alias(self, event: Any, at: Mark) -> Node:
        if event.anchor not in self.anchors:
            what = say(
                f"`*{event.anchor}` refers to an `&{event.anchor}` that is not finished above it",
                f"`*{event.anchor}` 引用的 `&{event.anchor}` 在它之前没有定义完",
            )
            raise _TooMuch(at, what)
        node, size = self.anchors[event.anchor]
        self.grow(at, 0, size)
        return node._replace(at=at)

    def refuse_tag(self, event: Any, at: Mark) -> None:
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            what = say(f"the tag {tag} is not allowed", f"不允许使用标签 {tag}")
            self.faults.append(Fault(at, "", what, say("a recipe is data", "配方只是数据")))

    def mapping(self, parser: Any, depth: int) -> dict[str, Node]:
        inner: dict[str, Node] = {}
        while not isinstance(event := parser.get_event(), events.MappingEndEvent):
            key_at = self.mark(event)
            plain = not getattr(event, "style", None)
            if isinstance(event, events.ScalarEvent):
                key = event.value
            else:
                key = ""
                self.node(parser, event, depth)
                what = say("a key must be a word", "键必须是一个词")
                self.faults.append(Fault(key_at, "", what))
            node = self.node(parser, parser.get_event(), depth)._replace(key_at=key_at)
            self.add(inner, key, node, plain)
        return inner

    def add(self, inner: dict[str, Node], key: str, node: Node, plain: bool) -> None:
        at = node.key_at or node.at
        if key in inner:
            first = inner[key].key_at or inner[key].at
            why = say(
                f"the first one stands in line {first.line}", f"第一次出现在第 {first.line} 行"
            )
            what = say("this key stands twice", "这个键出现了两次")
            self.faults.append(Fault(at, key, what, why if first.line else ""))
        elif key == "<<" and plain:
            why = say(
                "merge keys are not part of YAML 1.2; inherit with `extends`",
                "合并键不属于 YAML 1.2；请用 `extends` 继承",
            )
            self.faults.append(Fault(at, key, say("this key is not allowed", "不允许这个键"), why))
        else:
            inner[key] = node

    def sequence(self, parser: Any, depth: int) -> list[Node]:
        inner = []
        while not isinstance(event := parser.get_event(), events.SequenceEndEvent):
            inner.append(self.node(parser, event, depth))
        return inner


def _syntax_fault(error: yaml.YAMLError, file: str, at: Mark | None) -> Fault:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = at or (Mark(file, mark.line + 1, mark.column + 1) if mark else Mark(file, 1, 1))
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    words = f"{getattr(error, 'context', None) or ''} {problem}"
    plain = in_plain_words(words) or shown(problem)
    return Fault(place, "", say("not valid YAML here", "此处不是有效的 YAML"), plain)
