"""What takes room on this machine and can go: earlier tries, older runs, caches."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orchestrator.base import layout
from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.layout import RunPaths
from orchestrator.base.paths import downloads_dir
from orchestrator.envs import inventory
from orchestrator.envs.release import Release
from orchestrator.running import directories
from orchestrator.running import record as records

Kind = Literal["superseded", "runs", "caches"]
KINDS: tuple[Kind, ...] = ("superseded", "runs", "caches")


@dataclass(frozen=True)
class Removable:
    """A folder that nothing needs, why, and the bytes that come free with it."""

    kind: Kind
    path: Path
    why: str
    bytes: int


def removable(folder: Path, kinds: Iterable[Kind], releases: Iterable[Release]) -> list[Removable]:
    """What of ``kinds`` can go. A run at work is never touched, and the newest run of each command
    is kept."""
    find = {
        "superseded": lambda: _superseded(folder),
        "runs": lambda: _older_runs(folder),
        "caches": lambda: _caches(releases),
    }
    found = [
        Removable(kind, path, why, size_of(path)) for kind in kinds for path, why in find[kind]()
    ]
    older = {one.path for one in found if one.kind == "runs"}
    return [one for one in found if not older & set(one.path.parents)]


def _superseded(folder: Path) -> Iterator[tuple[Path, str]]:
    for root in directories.all_runs(folder.absolute()):
        aside = root / layout.SUPERSEDED
        if aside.is_dir() and not aside.is_symlink() and not _at_work(root):
            yield aside, say("results of earlier tries", "先前各次尝试的结果")


def _older_runs(folder: Path) -> Iterator[tuple[Path, str]]:
    """Of each command the newest run stays, and the newest one that is done. A link to a run is
    left to whoever moved the run."""
    names = {root.parent.name for root in directories.all_runs(folder)}
    for name in sorted(names):
        newest: set[str] = set()
        finished: set[str] = set()
        for root, record in directories.of_recipe(folder.absolute(), name):
            own_name = "" if directories.is_stamp(root.name) else root.name
            words = json.dumps([record.request, record.rehearsal, own_name], sort_keys=True)
            kept = finished if record.state == "done" else newest
            if words in kept and not root.is_symlink() and not _at_work(root):
                yield root, say("an older run of the same command", "同一命令较早的运行")
            newest.add(words)
            if record.state == "done":
                finished.add(words)


def _caches(releases: Iterable[Release]) -> Iterator[tuple[Path, str]]:
    for installed in inventory.installed(releases):
        if installed.status == inventory.OUTDATED:
            unused = say("an environment that no release uses any more", "已没有版本使用的环境")
            yield installed.root, unused
    if downloads_dir().is_dir() and any(downloads_dir().iterdir()):
        again = say(
            "downloaded data files, fetched again when they are needed",
            "下载的数据文件，需要时会重新下载",
        )
        yield downloads_dir(), again


def _at_work(root: Path) -> bool:
    try:
        return records.is_alive(records.read(root), root)
    except RecipeError:
        return False


def size_of(path: Path) -> int:
    """Bytes that come free: a file that is linked from elsewhere stays."""
    files = (file.lstat() for file in path.rglob("*") if not file.is_dir() or file.is_symlink())
    return sum(state.st_size for state in files if state.st_nlink == 1)


def remove(removable: Removable) -> None:
    """Delete it; RecipeError when a run has begun to work there meanwhile, or it cannot be."""
    if removable.kind == "caches":
        _delete(removable.path)
        return
    root = removable.path if removable.kind == "runs" else removable.path.parent
    with records.claimed(RunPaths(root)):
        _delete(removable.path)


def _delete(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise RecipeError(
            say(f"{path.name} could not be removed.", f"无法删除 {path.name}。"),
            where=str(path),
            why=error.strerror or str(error),
        ) from error
