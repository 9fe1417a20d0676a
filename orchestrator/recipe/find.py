"""From a recipe's name to its file, and the list of the recipes that can be run."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from data_tools.nearest import near, nearest
from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.base.names import as_name, is_name, name_rule
from orchestrator.base.paths import expanded, shipped_recipes_dir, user_recipes_dirs
from orchestrator.base.text import quoted

SUFFIXES = (".yaml", ".yml")


def is_path(name: str) -> bool:
    """Whether this is meant as a path: it has a separator or a recipe file's ending."""
    return "/" in name or os.sep in name or name.endswith(SUFFIXES)


def folders() -> list[Path]:
    """Where a name is looked up, in order: RECIPE_PATH, then the shipped recipes."""
    return [*user_recipes_dirs(), shipped_recipes_dir()]


def recipe_files() -> dict[str, Path]:
    """Name -> file of every recipe that a name reaches; a user's own hides a shipped one."""
    files: dict[str, Path] = {}
    for folder in folders():
        for path in _files(folder):
            files.setdefault(path.stem, path)
    return dict(sorted(files.items()))


def _files(folder: Path) -> list[Path]:
    """The recipe files of a folder: regular ones only, a pipe would be waited for."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(SUFFIXES)]
    except OSError:  # a folder of RECIPE_PATH that is not there holds no recipes
        return []
    visible = (folder / name for name in sorted(names) if not name.startswith("."))
    return [path for path in visible if _is_file(path)]


def find(name: str, *, said_in: Path | None = None) -> Path:
    """The file of a recipe given by name or by path; :class:`UsageError` when there is none.

    ``said_in`` is the recipe file that names it (in ``extends``): a path is taken from its folder,
    a name may stand beside it, and a recipe of that file's own name means the one hidden by it.
    """
    return _by_path(name, said_in) if is_path(name) else _by_name(name, said_in)


def checked_name(path: Path) -> str:
    """The recipe's name: its file's, without the ending.

    Its runs stand in a folder of that name, so :class:`UsageError` when that cannot be one.
    """
    name = path.stem
    if is_name(name):
        return name
    better = path.with_name(f"{as_name(name)}.yaml")
    rename = f"mv -- {quoted(str(path))} {quoted(str(better))}"
    raise UsageError(
        say(f"{name!r} cannot be the name of a recipe.", f"{name!r} 不能作为配方名。"),
        where=str(path),
        why=name_rule(),
        fix=rename if _is_file(path) else say(f"call it {better}", f"可改为 {better}"),
    )


def _by_path(name: str, said_in: Path | None) -> Path:
    path = expanded(name)
    if said_in is not None:
        path = said_in.parent / path
    if _is_file(path):
        return path
    if kind := _other_kind(path):
        what = say(
            f"{name} is {kind[0]}, not a recipe file.", f"{name} 是{kind[1]}，不是配方文件。"
        )
        raise UsageError(what, fix=_known(""))
    meant = nearest(path.name, [place.name for place in _files(path.parent)])
    fix = _question(str(path.parent / meant)) if meant else _known("")
    what = say(f"There is no recipe file {name}.", f"没有配方文件 {name}。")
    raise UsageError(what, where=str(path), fix=fix)


_KINDS = {
    stat.S_IFDIR: ("a folder", "文件夹"),
    stat.S_IFIFO: ("a pipe", "管道"),
    stat.S_IFSOCK: ("a socket", "套接字"),
    stat.S_IFCHR: ("a device", "设备"),
    stat.S_IFBLK: ("a device", "设备"),
}


def _other_kind(path: Path) -> tuple[str, str] | None:
    """What stands there instead of a file, in both languages; None: nothing."""
    try:
        return _KINDS.get(stat.S_IFMT(path.stat().st_mode))
    except (OSError, ValueError):  # no disk takes that name
        return None


def _by_name(name: str, said_in: Path | None) -> Path:
    searched = [*folders()]
    if said_in is not None:
        searched.insert(len(searched) - 1, said_in.parent)
    for folder in searched:
        for suffix in SUFFIXES:
            path = folder / f"{name}{suffix}"
            if _is_file(path) and not _same(path, said_in):
                return path
    places = ", ".join(str(place) for place in dict.fromkeys(searched))
    raise UsageError(
        say(f"There is no recipe called {name!r}.", f"没有名为 {name!r} 的配方。"),
        where=say(f"looked in {places}", f"查找过 {places}"),
        fix=_known(name),
    )


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - a name that no disk takes is simply not there


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and path.resolve() == other.resolve()


def _known(name: str) -> str:
    here = [f"./{name}{ending}" for ending in ("", *SUFFIXES) if _is_file(Path(f"{name}{ending}"))]
    if here:
        return say(f"did you mean the file {here[0]}?", f"您是指文件 {here[0]} 吗？")
    if names := near(name, recipe_files()):
        return _question(" or ".join(names)) + say(
            " `recipe list` shows them all", "`recipe list` 列出全部配方"
        )
    return say(
        "`recipe list` shows the recipes; a path to a .yaml file works as well",
        "`recipe list` 列出全部配方；也可以给出 .yaml 文件的路径",
    )


def _question(meant: str) -> str:
    return say(f"did you mean {meant}?", f"您是指 {meant} 吗？")
