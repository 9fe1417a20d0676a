"""From a name or path, and what the user adds to it, to a frozen typed recipe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from orchestrator.base.paths import expanded
from orchestrator.recipe import keys, layers
from orchestrator.recipe import params as params_of
from orchestrator.recipe.chain import read_chain
from orchestrator.recipe.check import check
from orchestrator.recipe.faults import Fault, Judge, Mark, RecipeFaults
from orchestrator.recipe.find import checked_name, find
from orchestrator.recipe.foreign import Refuse
from orchestrator.recipe.layers import Origin, Setting
from orchestrator.recipe.params import Parameter
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.yaml_tree import Node, merge


@dataclass(frozen=True)
class Loaded:
    """A recipe with its history: every value's origin by dotted key, and the files it came from."""

    recipe: Recipe
    provenance: Mapping[str, Origin]
    path: Path
    name: str
    files: tuple[Path, ...]
    """The recipe's file, then its parent's, and so on."""
    params: Mapping[str, Parameter]
    missing: tuple[Parameter, ...] = ()
    """Required parameters without a value; a stand-in has their place (see :func:`load`)."""

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
        path = expanded(text)
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
    refuse: Refuse | None = None,
    complete: bool = True,
) -> Loaded:
    """The recipe called ``name_or_path`` with everything that overrides it.

    Raises :class:`RecipeFaults` with every fault at once, :class:`UsageError` when there is no
    such recipe. ``sets`` are KEY=VALUE, ``params`` are NAME=VALUE through the recipe's `params`.
    A required parameter without a value is a fault, unless the recipe need not be ``complete``: to
    be shown, checked or inherited. ``judge`` adds what the schema cannot know,
    ``refuse`` knows other programs' files (see :mod:`orchestrator.planning.feasible`).
    """
    faults: list[Fault] = []
    path = find(name_or_path)
    name = checked_name(path)
    files = read_chain(path, faults, refuse)
    tree = params_of.normalised(reduce(merge, [node for _, node in reversed(files)]))
    table = params_of.read_params(tree)
    settings = layers.from_environment(os.environ if environ is None else environ)
    for param, text in params_of.chosen(params, table, faults):
        settings.append(
            Setting(param.path, text, Mark(f"-p {param.name}"), "command line", literal=True)
        )
    settings += layers.from_sets(sets, faults)
    if engine is not None:
        settings.append(
            Setting(("engine",), engine, Mark("--engine"), "command line", literal=True)
        )
    for setting in settings:
        tree = layers.apply(tree, setting, faults)
    missing = tuple(params_of.missing(tree, table))
    faults += [param.missing() for param in missing if complete]
    for param in missing:
        if param.example or keys.members(keys.kind_at(param.path)) == (str,):
            tree = layers.apply(tree, _standin(param), [])
    _place_template(tree)
    recipe = check(tree, faults, judge)
    if faults or recipe is None:
        raise RecipeFaults(name, faults)
    origins = layers.provenance(recipe, tree)
    return Loaded(recipe, origins, path, name, tuple(file for file, _ in files), table, missing)


def _standin(param: Parameter) -> Setting:
    """A value in the place of a parameter that is not given yet: the rest can be checked."""
    text = param.example or "…"
    return Setting(param.path, text, param.at, "required", literal=True)


def _place_template(tree: Node) -> None:
    """A template stands beside the file that names it; from the command line, in the folder."""
    node = tree.value.get("template_file") if isinstance(tree.value, dict) else None
    if node is not None and isinstance(node.value, str) and node.value:
        folder = Path(node.at.file).parent if node.at.line is not None else Path()
        tree.value["template_file"] = node._replace(value=str((folder / node.value).resolve()))
