"""Edits of a Python config: set, delete or append at a dotted place, in the text itself.

The result reads as if a person had edited the file: comments and layout stay. Places are found in
the syntax tree (``dict(...)`` calls, dict and list displays, top-level variables); a name on the
way is followed to the variable that it stands for, as Python would.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias

from orchestrator.rendering import cannot_edit
from orchestrator.rendering.cannot_edit import CannotEdit as CannotEdit
from orchestrator.rendering.pysource import is_identifier, to_source

APPEND = "+"
"""The last part of a place at the end of a list."""
INDENT = 4
Node: TypeAlias = ast.expr | ast.keyword | ast.stmt


@dataclass(frozen=True)
class Text:
    """A Python config and its top-level variables, each with the last value it is given."""

    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def raw(self) -> bytes:
        return self.text.encode()

    @cached_property
    def variables(self) -> dict[str, ast.expr]:
        found: dict[str, ast.expr] = {}
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = node.value
        return found

    def spliced(self, start: int, end: int, new: str) -> Text:
        return Text((self.raw[:start] + new.encode() + self.raw[end:]).decode())

    @cached_property
    def _lines(self) -> list[int]:
        """Where each line begins, in bytes."""
        lengths = [len(line) + 1 for line in self.raw.split(b"\n")]
        return [0, *accumulate(lengths)]

    def span(self, first: Node, last: Node | None = None) -> tuple[int, int]:
        """Where ``first`` begins and ``last`` ends, in bytes: the syntax tree counts so."""
        last = last or first
        end_line, end_column = last.end_lineno, last.end_col_offset
        assert end_line is not None
        assert end_column is not None
        start = self._lines[first.lineno - 1] + first.col_offset
        return start, self._lines[end_line - 1] + end_column

    def before(self, offset: int) -> bytes:
        """What stands before ``offset`` in its line."""
        return self.raw[:offset].rpartition(b"\n")[2]

    def indent(self, offset: int) -> int:
        """The indent of the line at ``offset``."""
        line = self.before(offset)
        return len(line) - len(line.lstrip(b" "))


def get(text: str, path: tuple[str, ...]) -> ast.expr | None:
    """The value at ``path``, names followed; None where there is none."""
    whole = Text(text)
    node = whole.variables.get(path[0])
    for part in path[1:]:
        node = None if node is None else _child(_followed(whole, node), part)
    return None if node is None else _followed(whole, node)


def assign(text: str, path: tuple[str, ...], value: Any) -> str:
    """The text with ``value`` at ``path``; a key that is not there yet is added."""
    whole = Text(text)
    if len(path) == 1:
        node = whole.variables.get(path[0])
        if node is None:
            return _with_variable(text, path[0], value)
        return _replaced(whole, node, value).text
    parent = _parent(whole, path)
    last = path[-1]
    if last == APPEND:
        return _appended(whole, parent, value, path).text
    node = _child(parent, last)
    if node is not None:
        return _replaced(whole, node, value).text
    if isinstance(parent, (ast.List, ast.Tuple)):
        raise cannot_edit.no_item(_said(path[:-1]), len(parent.elts))
    return _added(whole, parent, last, value).text


def delete(text: str, path: tuple[str, ...]) -> str:
    """The text without what stands at ``path``; :class:`CannotEdit` where nothing does."""
    whole = Text(text)
    if len(path) == 1:
        return _without_variable(whole, path[0])
    items = _items(_parent(whole, path))
    if path[-1] not in items:
        raise cannot_edit.no_key(_said(path[:-1]), path[-1], items)
    start, end = whole.span(*items[path[-1]])
    rest = whole.raw[end:].lstrip(b" \n")
    if not rest.startswith(b","):  # the last one: the comma before it goes
        before = whole.raw[:start].rstrip(b" \n")
        return whole.spliced(len(before) - before.endswith(b","), end, "").text
    end = len(whole.raw) - len(rest) + 1
    lead = whole.before(start)
    if not lead.strip() and whole.raw[end : end + 1] == b"\n":  # a line of its own
        return whole.spliced(start - len(lead), end + 1, "").text
    return whole.spliced(start, end + (whole.raw[end : end + 1] == b" "), "").text


def _without_variable(whole: Text, name: str) -> str:
    for node in whole.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            start, end = whole.span(node)
            line = whole.raw.find(b"\n", end) + 1
            return whole.spliced(start, line or len(whole.raw), "").text
    raise cannot_edit.no_variable(name, whole.variables)


def undefined(text: str) -> dict[str, int]:
    """Names that a config uses and never makes, each with its line; builtins are known."""
    tree = ast.parse(text)
    made = set(dir(builtins))
    used: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            made |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
        elif isinstance(node, ast.Name):
            used.setdefault(node.id, node.lineno)
    return {name: line for name, line in used.items() if name not in made}


def imported(text: str, module: str, name: str) -> tuple[str, str]:
    """The text in which ``name`` of ``module`` is imported, and what it is called there."""
    tree = ast.parse(text)
    taken: set[str] = set(Text(text).variables)
    last = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            last = node.end_lineno or last
            for alias in node.names:
                if (node.module, alias.name) == (module, name):
                    return text, alias.asname or name
                taken.add(alias.asname or alias.name)
        elif isinstance(node, ast.Import):
            last = node.end_lineno or last
            taken |= {alias.asname or alias.name for alias in node.names}
    called = name if name not in taken else f"{module.replace('.', '_')}_{name}"
    line = f"from {module} import {name}" + ("" if called == name else f" as {called}")
    lines = text.split("\n")
    return "\n".join([*lines[:last], line, *lines[last:]]), called


def _followed(whole: Text, node: ast.expr) -> ast.expr:
    for _ in range(20):
        if not isinstance(node, ast.Name) or node.id not in whole.variables:
            break
        node = whole.variables[node.id]
    return node


class Item(NamedTuple):
    """One item of a container: where it begins (a key, or the value itself) and its value."""

    first: ast.expr | ast.keyword
    value: ast.expr


def _items(node: ast.expr | None) -> Mapping[str, Item]:
    """What a container holds: by key or by number."""
    if isinstance(node, ast.Call) and _is_container(node):
        return {word.arg: Item(word, word.value) for word in node.keywords if word.arg is not None}
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {
            str(key.value): Item(key, value)
            for key, value in pairs
            if isinstance(key, ast.Constant)
        }
    if isinstance(node, (ast.List, ast.Tuple)):
        return {str(number): Item(item, item) for number, item in enumerate(node.elts)}
    return {}


def _child(node: ast.expr | None, part: str) -> ast.expr | None:
    item = _items(node).get(part)
    return item.value if item is not None else None


def _is_container(node: ast.expr | None) -> bool:
    call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict"
    return call or isinstance(node, (ast.Dict, ast.List, ast.Tuple))


def _said(path: tuple[str, ...]) -> str:
    return ".".join(path)


def _parent(whole: Text, path: tuple[str, ...]) -> ast.expr:
    node: ast.expr | None = whole.variables.get(path[0])
    if node is None:
        raise cannot_edit.no_variable(path[0], whole.variables)
    node = _container(whole, node, path[:1])
    for depth, part in enumerate(path[1:-1], 2):
        child = _child(node, part)
        if child is None:
            raise cannot_edit.no_place(_said(path[:depth]), _items(node))
        node = _container(whole, child, path[:depth])
    return node


def _container(whole: Text, node: ast.expr, path: tuple[str, ...]) -> ast.expr:
    node = _followed(whole, node)
    if not _is_container(node):
        raise cannot_edit.no_keys(_said(path), ast.unparse(node))
    return node


def _replaced(whole: Text, node: ast.expr, value: Any) -> Text:
    start, end = whole.span(node)
    indent = whole.indent(start)
    lead = whole.text.encode()[:start].rpartition(b"\n")[2]
    return whole.spliced(start, end, to_source(value, column=len(lead), indent=indent))


def _with_variable(text: str, name: str, value: Any) -> str:
    source = to_source(value, column=len(name) + 3)
    return f"{text.rstrip()}\n\n{name} = {source}\n"


def _appended(whole: Text, parent: ast.expr, value: Any, path: tuple[str, ...]) -> Text:
    if not isinstance(parent, ast.List):
        raise cannot_edit.no_list(_said(path[:-1]))
    return _inserted(whole, parent, to_source(value, indent=_inner(whole, parent)))


def _added(whole: Text, parent: ast.expr, key: str, value: Any) -> Text:
    if isinstance(parent, ast.Call):
        if not is_identifier(key):
            raise cannot_edit.no_keyword(key)
        head = f"{key}="
    else:
        head = f"{to_source(key)}: "
    inner = _inner(whole, parent)
    source = to_source(value, column=inner + len(head), indent=inner)
    return _inserted(whole, parent, head + source)


def _inner(whole: Text, parent: ast.expr) -> int:
    start, _end = whole.span(parent)
    return whole.indent(start) + INDENT


def _inserted(whole: Text, parent: ast.expr, source: str) -> Text:
    """``source`` as the last item of a container, on a line of its own where the others are."""
    items = list(_items(parent).values())
    close = whole.span(parent)[1] - 1
    if not items:
        return whole.spliced(len(whole.raw[:close].rstrip(b" \n")), close, source)
    last = whole.span(*items[-1])[1]
    tail = whole.raw[last:close]
    if b"\n" not in tail:
        return whole.spliced(last, close, f", {source}")
    comma = "" if tail.startswith(b",") else ","
    inner = _inner(whole, parent)
    line = f"{' ' * inner}{source},\n{' ' * (inner - INDENT)}"
    kept = tail.rstrip(b" ").decode()
    return whole.spliced(last, close, f"{comma}{kept}{line}")
