"""From a name or path, and what the user adds to it, to a frozen typed recipe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.recipe import layers
from orchestrator.recipe.chain import read_chain
from orchestrator.recipe.check import check
from orchestrator.recipe.dump import dump
from orchestrator.recipe.faults import Fault, Judge, Mark, RecipeFaults
from orchestrator.recipe.find import find
from orchestrator.recipe.layers import Origin, Setting, merge
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.yaml_tree import Node

__all__ = ["Loaded", "dump", "load"]


@dataclass(frozen=True)
class Loaded:
    """A recipe with its history: every value's origin by dotted key, and the files it came from."""

    recipe: Recipe
    provenance: Mapping[str, Origin]
    path: Path
    name: str
    files: tuple[Path, ...]
    """The recipe's file, then its parent's, and so on."""

    def values(self) -> dict[str, Any]:
        """Every value by the dotted keys of :attr:`provenance`."""
        plain = self.recipe.model_dump()
        return {".".join(path): value for path, value in layers.leaves(plain)}

    def resolve(self, text: str) -> Path:
        """A path that the recipe mentions, absolute: the first of :meth:`candidates` that is there,
        else the first."""
        found = self.candidates(text)
        return next((one for one in found if one.exists()), found[0])

    def candidates(self, text: str) -> tuple[Path, ...]:
        """Where such a path is looked for: the current folder, then the file's that said it."""
        path = Path(text).expanduser()
        if path.is_absolute():
            return (path,)
        places = [Path.cwd() / path, *(folder / path for folder in self._said_in(text))]
        return tuple(dict.fromkeys(places))

    def resolve_sample(self, text: str) -> Path:
        """A `sample` ships with a recipe: it stands beside the file that said it, nowhere else."""
        return next(iter(self._said_in(text)), self.path.parent) / text

    def _said_in(self, text: str) -> list[Path]:
        """The folders of the recipe files in which this text is a value.

        None when it comes from the command line or the environment; the recipe's own folder when
        nobody said it.
        """
        files = {str(path): path for path in self.files}
        said = [one.file for one in self.provenance.values() if one.text == text]
        found = [files[file] for file in said if file in files] if said else [self.path]
        return [path.resolve().parent for path in found]


def load(
    name_or_path: str,
    *,
    sets: Sequence[str] = (),
    params: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    engine: str | None = None,
    judge: Judge | None = None,
) -> Loaded:
    """The recipe called ``name_or_path`` with everything that overrides it.

    Raises :class:`RecipeFaults` with every fault at once, :class:`UsageError` when there is no
    such recipe. ``sets`` are KEY=VALUE, ``params`` are NAME=VALUE through the recipe's `params`.
    ``judge`` adds what the schema cannot know (see :mod:`orchestrator.planning.feasible`).
    """
    faults: list[Fault] = []
    path = find(name_or_path)
    files = read_chain(path, faults)
    tree = _merged([node for _, node in files])
    given = layers.from_environment(os.environ if environ is None else environ)
    table = tree.value.get("params")
    given += layers.from_params(params, table.plain() if table else {}, faults)
    given += layers.from_sets(sets, faults)
    if engine is not None:
        given.append(Setting(("engine",), engine, Mark("--engine"), "command line", True))
    for setting in given:
        tree = layers.apply(tree, setting, faults)
    recipe = check(tree, faults, judge)
    if faults or recipe is None:
        raise RecipeFaults(path.stem, faults)
    chain = tuple(file for file, _ in files)
    return Loaded(recipe, layers.provenance(recipe, tree), path, path.stem, chain)


def _merged(nodes: Sequence[Node]) -> Node:
    """The trees of a chain, leaf first, laid over one another; `extends` has done its work."""
    *children, tree = nodes
    for node in reversed(children):
        tree = merge(tree, node)
    return tree
