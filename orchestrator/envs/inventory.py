"""What is installed: find, list, remove. Nothing here starts a process."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base import paths
from orchestrator.base.errors import RecipeError
from orchestrator.envs import locks, state
from orchestrator.envs.environment import Environment
from orchestrator.envs.guard import held

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.envs.release import Release

READY = "ready"
OUTDATED = "outdated"
UNFINISHED = "unfinished"
BROKEN = "broken"


@dataclass(frozen=True)
class Installed:
    """One folder under the environments' folder. ``state`` is None when it was never finished.

    ``status``: ready; outdated (another lock than the present one); unfinished (cut off while it
    was built: the next build replaces it); broken (its Python is gone or was changed).
    """

    name: str
    root: Path
    status: str
    state: state.State | None


def find(release: Release, *, python: Path | None = None) -> Environment | None:
    """The environment of ``release`` that is ready for use, from its state file alone; else None.

    ``python``, or the setting :func:`setting`, names a Python of the user's own. Otherwise it is
    the one installed last, of those that the present lock made or that the user chose.
    """
    foreign = python or named(release)
    if foreign is not None:
        root = foreign_root(release, foreign)
        found = state.read(root)
        return _environment(release, root, found) if found and _fresh(found) else None
    ready = [
        (found, root)
        for root in _folders(release)
        if (found := state.read(root)) is not None and _status(release, root, found) == READY
    ]
    usable = [(found, root) for found, root in ready if found.managed or found.chosen]
    if not usable:
        return None
    newest, root = max(usable, key=lambda one: one[0].created)
    return _environment(release, root, newest)


def setting(release: Release) -> str:
    """The variable that names a Python of the user's own: RECIPE_PYTHON_XTUNER_0_2_0."""
    return f"RECIPE_PYTHON_{release.engine}_{release.version}".upper().translate(
        str.maketrans(".-+", "___")
    )


def named(release: Release) -> Path | None:
    """The Python in the release's setting, made absolute (links are kept: a venv's is one)."""
    value = os.environ.get(setting(release))
    return Path(value).expanduser().absolute() if value else None


def foreign_root(release: Release, python: Path) -> Path:
    """Where the state of a Python of the user's own is kept; nothing is written beside it."""
    import hashlib

    path = hashlib.sha256(os.fsencode(python.expanduser().absolute())).hexdigest()
    return paths.environments_dir() / f"{release.engine}-{release.version}-own-{path[:10]}"


def installed(releases: Iterable[Release]) -> list[Installed]:
    """Every environment on disk, by name; those of no release in ``releases`` are outdated."""
    known = {release.name: release for release in releases}
    return [_describe(root, known) for root in _all_folders()]


def remove(release: Release, *, leftovers: bool = False) -> list[Path]:
    """Remove every environment of the release, finished or not; the folders that went.

    With ``leftovers`` only those that are not ready. A Python of the user's own is only forgotten.
    """
    gone = []
    for root in _folders(release):
        with held(root):
            if leftovers and _status(release, root, state.read(root)) == READY:
                continue
            clear(root)
        gone.append(root)
    return gone


def clear(root: Path) -> None:
    """Remove an environment's folder: the state first, so a half-removed one is not taken whole."""
    try:
        (root / state.FILE).unlink(missing_ok=True)
        if root.exists():
            shutil.rmtree(root)
    except OSError as error:
        raise RecipeError(
            "An environment cannot be removed.",
            where=str(error.filename or root),
            why=error.strerror,
            fix=f"remove {root} by hand",
        ) from error


def _all_folders() -> list[Path]:
    try:
        entries = sorted(paths.environments_dir().iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [entry for entry in entries if entry.is_dir()]


def _folders(release: Release) -> list[Path]:
    prefix = f"{release.engine}-{release.version}-"
    return [root for root in _all_folders() if root.name.startswith(prefix)]


def _environment(release: Release, root: Path, found: state.State) -> Environment:
    python = Path(found.python)
    home = root if found.managed else python.parent.parent
    return Environment(
        release=release,
        root=home,
        python=python,
        bin=python.parent,
        managed=found.managed,
        lock_digest=found.lock_digest,
    )


def _fresh(found: state.State) -> bool:
    return os.access(found.python, os.X_OK) and found.stamps == stamps(found.stamps)


def stamps(folders: object) -> dict[str, int]:
    """folder -> time of its last change in ns; a folder that is gone has -1."""
    times = {}
    for folder in folders:  # type: ignore[attr-defined]
        try:
            times[str(folder)] = Path(folder).stat().st_mtime_ns
        except OSError:
            times[str(folder)] = -1
    return times


def _status(release: Release | None, root: Path, found: state.State | None) -> str:
    if found is None:
        return UNFINISHED
    if not _fresh(found):
        return BROKEN
    if found.managed and (release is None or not _current(release, root, found)):
        return OUTDATED
    return READY


def _current(release: Release, root: Path, found: state.State) -> bool:
    lock = locks.load(release, found.backend)
    return found.lock_digest == lock.digest and root.name == locks.key(release, lock)


def _describe(root: Path, known: dict[str, Release]) -> Installed:
    found = state.read(root)
    name = found.release if found else _guess(root.name)
    return Installed(name, root, _status(known.get(name), root, found), found)


def _guess(folder: str) -> str:
    engine, _, rest = folder.partition("-")
    return f"{engine}@{rest.partition('-')[0]}"
