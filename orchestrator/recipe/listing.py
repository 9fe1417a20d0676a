"""What `recipe list` shows. It reads headers and never builds the schema: it is to be instant."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

from orchestrator.base.names import is_name
from orchestrator.recipe.chain import read_chain
from orchestrator.recipe.faults import Fault, RecipeFaults
from orchestrator.recipe.find import recipe_files
from orchestrator.recipe.params import Parameter, missing, read_params
from orchestrator.recipe.yaml_tree import Node, merge

_HEADER = ("title", "engine", "task", "language")


@dataclass(frozen=True)
class Listed:
    """A recipe's header, inherited parts included; "" and None where nobody says it."""

    name: str
    path: Path
    title: str = ""
    engine: str = ""
    task: str = ""
    language: str = ""
    needs: dict[str, Any] = field(default_factory=dict)
    """GPUs, GPU memory and disk in GB, by the schema's names."""
    required: tuple[Parameter, ...] = ()
    """What a run must be given with ``-p``."""
    faulty: bool = False


def listing() -> list[Listed]:
    """Every recipe that a name reaches, sorted by name."""
    return [_listed(name, path) for name, path in recipe_files().items()]


def read_tree(path: Path) -> Node:
    """The file laid over its parents; :class:`RecipeFaults` when they cannot be read."""
    faults: list[Fault] = []
    tree: Node = reduce(merge, [node for _, node in reversed(read_chain(path, faults))])
    if faults:
        raise RecipeFaults(path.stem, faults)
    return tree


def _listed(name: str, path: Path) -> Listed:
    try:
        tree = read_tree(path)
    except RecipeFaults:
        return Listed(name, path, faulty=True)
    values = tree.plain()
    header = {key: values[key] for key in _HEADER if isinstance(values.get(key), str)}
    needs = values.get("needs")
    return Listed(
        name,
        path,
        **header,
        needs=needs if isinstance(needs, dict) else {},
        required=tuple(missing(tree, read_params(tree))),
        faulty=not (header.get("title") and header.get("engine") and is_name(name)),
    )
