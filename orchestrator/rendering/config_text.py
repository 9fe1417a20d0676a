"""The text of a Python config with its syntax tree: what edits look at and splice."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TypeAlias

Node: TypeAlias = ast.expr | ast.keyword | ast.stmt


class CannotEdit(Exception):
    """Why the text has no such place, and what was probably meant."""

    def __init__(self, what: str, *, known: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.known = known


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
