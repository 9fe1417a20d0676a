"""From a recipe's name to its file, and the list of the recipes that can be run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from orchestrator.base.errors import UsageError
from orchestrator.base.nearest import did_you_mean, nearest
from orchestrator.base.paths import shipped_recipes_dir, user_recipes_dirs
from orchestrator.base.text import printable

SUFFIXES = (".yaml", ".yml")


def is_path(name: str) -> bool:
    """Whether this is meant as a path: it has a separator or a recipe file's ending."""
    return "/" in name or os.sep in name or name.endswith(SUFFIXES)


def folders() -> list[Path]:
    """Where a name is looked up, in order: RECIPE_PATH, then the shipped recipes."""
    return [*user_recipes_dirs(), shipped_recipes_dir()]


def recipe_files() -> dict[str, Path]:
    """Name -> file of every recipe that a name reaches; a user's own hides a shipped one."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in _files(folder):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def _files(folder: Path) -> list[Path]:
    try:
        found = (one for one in folder.iterdir() if one.suffix in SUFFIXES)
        return sorted(one for one in found if not one.name.startswith("."))
    except OSError:  # a folder of RECIPE_PATH that is not there holds no recipes
        return []


def find(name: str, *, near: Path | None = None) -> Path:
    """The file of a recipe given by name or by path; :class:`UsageError` when there is none.

    ``near`` is the recipe file that names it (in ``extends``): a path is taken from its folder, a
    name may stand beside it, and a recipe of that file's own name means the next one hidden by it.
    """
    return _by_path(name, near) if is_path(name) else _by_name(name, near)


def _by_path(name: str, near: Path | None) -> Path:
    path = Path(name).expanduser()
    if near is not None:
        path = near.parent / path
    if _is_file(path):
        return path
    what = f"There is no recipe file {name}."
    if os.path.isdir(path):  # noqa: PTH112
        raise UsageError(printable(f"{name} is a folder, not a recipe file."), fix=_known(""))
    beside = [one.name for one in _files(path.parent) if one.name != path.name]
    meant = nearest(path.name, beside)
    fix = f"did you mean {path.parent / meant}?" if meant else _known("")
    raise UsageError(printable(what), where=printable(str(path)), fix=fix)


def _by_name(name: str, near: Path | None) -> Path:
    searched = [*folders()]
    if near is not None:
        searched.insert(len(searched) - 1, near.parent)
    for folder in searched:
        for suffix in SUFFIXES:
            path = folder / f"{name}{suffix}"
            if _is_file(path) and not _same(path, near):
                return path
    raise UsageError(
        printable(f"There is no recipe called {name!r}."),
        where=f"looked in {', '.join(str(one) for one in dict.fromkeys(searched))}",
        fix=_known(name),
    )


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - a name that no disk takes is simply not there


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and path.resolve() == other.resolve()


def _known(name: str) -> str:
    here = [f"./{name}{one}" for one in SUFFIXES if name and _is_file(Path(f"{name}{one}"))]
    if here:
        return f"did you mean the file {here[0]}?"
    names: Iterable[str] = recipe_files()
    question = did_you_mean(name, names)
    if question:
        return f"{question} `recipe list` shows them all"
    return "`recipe list` shows the recipes; a path to a .yaml file works as well"
