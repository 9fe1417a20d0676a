"""Files that are somebody else's: what their names are, so that an engine can recognise its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from orchestrator.recipe.yaml_tree import Node

#: Asked with a file and its top-level names; raises UsageError when they are another program's.
Refuse = Callable[[Path, Mapping[str, object]], None]


def names_in(text: str, node: Node | None) -> dict[str, object]:
    """The top-level names and values of a file that is no recipe: YAML, JSON or Python.

    Empty when it is a recipe, a faulty one perhaps: it names its parent or its engine.
    """
    if node is None or not isinstance(node.value, dict):
        return _assigned(text)
    return {} if {"extends", "engine"} & node.value.keys() else node.plain()


def _assigned(text: str) -> dict[str, object]:
    """The names that a Python file assigns; none when it is no Python."""
    import ast  # costs start-up time, and only a file that is no recipe needs it
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the file's own escapes
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    targets = [target for line in body if isinstance(line, ast.Assign) for target in line.targets]
    return dict.fromkeys(target.id for target in targets if isinstance(target, ast.Name))
