"""What is installed: find, list, remove. A state file, written last, says what is finished."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base import paths
from orchestrator.base.errors import RecipeError
from orchestrator.base.files import write_atomic
from orchestrator.base.language import say
from orchestrator.base.lock import holder, locked
from orchestrator.envs import locks, sources
from orchestrator.envs.environment import Environment
from orchestrator.envs.release import setting
from orchestrator.envs.worklog import cannot_use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.envs.release import Release

FILE = "recipe-env.json"
VERSION = 1

READY, OUTDATED, BROKEN = "ready", "outdated", "broken"
UNFINISHED, BUILDING = "unfinished", "being built"


@dataclass(frozen=True, kw_only=True)
class State:
    """The state file of one environment.

    ``seconds`` is how long the installation took, ``bytes`` counts hard-linked files once.
    ``stamps`` are the times of change of a foreign Python's package folders: other times mean
    that something was installed there since it was checked. ``chosen`` says that the user made
    a foreign Python the one to use.
    """

    release: str
    managed: bool
    python: str
    python_version: str
    lock_digest: str
    backend: str | None
    created: float
    seconds: float = 0.0
    bytes: int = 0
    chosen: bool = False
    stamps: dict[str, int] = field(default_factory=dict)
    version: int = VERSION

    @property
    def usable(self) -> bool:
        """Whether its Python is there, with the packages that it had."""
        return os.access(self.python, os.X_OK) and self.stamps == stamps(self.stamps)

    def environment(self, release: Release, root: Path) -> Environment:
        """The environment whose state this is; ``root`` is the folder of the state file."""
        place = sources.folder(root)
        return Environment(release, Path(self.python), self.managed, self.lock_digest, place)


@dataclass(frozen=True)
class Installed:
    """One folder under the environments' folder. ``state`` is None when it was never finished.

    ``status``: ready; outdated (another lock than the present one); being built (``owner`` says by
    whom); unfinished (cut off while it was built: the next build replaces it); broken (its Python
    is gone or was changed, or one of its checkouts was).
    """

    name: str
    root: Path
    status: str
    state: State | None
    owner: str | None = None


def find(release: Release, *, python: Path | None = None) -> Environment | None:
    """The environment of ``release`` that is ready for use, from its state file alone; else None.

    ``python``, or the setting, names a Python of the user's own. Otherwise it is the one installed
    last, of those that the present lock made or that the user chose. Starts no process.
    """
    own = python or named(release) or chosen(release)
    if own is not None:
        return at(release, foreign_root(release, own))
    managed = [pair for pair in _states(release) if pair[0].managed]
    newest_first = sorted(managed, key=lambda pair: pair[0].created, reverse=True)
    return next((ready for _, root in newest_first if (ready := at(release, root))), None)


def at(release: Release, root: Path) -> Environment | None:
    """The environment whose state is in ``root``, when it is usable and the present lock's."""
    state = read(root)
    if state is None or not state.usable or not _current(release, root, state):
        return None
    return state.environment(release, root)


def chosen(release: Release) -> Path | None:
    """The Python of the user's own that was made the one to use, usable now or not."""
    states = [state for state, _ in _states(release) if state.managed or state.chosen]
    newest = max(states, key=lambda state: state.created, default=None)
    return Path(newest.python) if newest is not None and newest.chosen else None


def _states(release: Release) -> list[tuple[State, Path]]:
    return [(state, root) for root in folders(release) if (state := read(root)) is not None]


def _current(release: Release, root: Path, state: State) -> bool:
    """Whether the present lock made it; a Python of the user's own has none."""
    return not state.managed or root.name == locks.load(release, state.backend).key


def named(release: Release) -> Path | None:
    """The Python in the release's setting, made absolute (links are kept: a venv's is one)."""
    value = os.environ.get(setting("PYTHON", release))
    return Path(value).expanduser().absolute() if value else None


def foreign_root(release: Release, python: Path) -> Path:
    """Where the state of a Python of the user's own is kept; nothing is written beside it."""
    digest = locks.digest_of(os.fspath(python.expanduser().absolute()))
    return paths.environments_dir() / f"{release.engine}-{release.version}-own-{digest[:10]}"


def read(root: Path) -> State | None:
    """The state under ``root``; None when there is none, or it is not one that this code wrote."""
    try:
        state = State(**json.loads((root / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return state if state.version == VERSION else None


def write(root: Path, state: State) -> None:
    """Say that the environment at ``root`` is finished; all of the file or nothing."""
    write_atomic(root / FILE, json.dumps(asdict(state), indent=1) + "\n")


def stamps(places: Iterable[str]) -> dict[str, int]:
    """folder -> time of its last change in ns; a folder that is gone has -1."""
    return {
        place: Path(place).stat().st_mtime_ns if Path(place).exists() else -1 for place in places
    }


def installed(releases: Iterable[Release]) -> list[Installed]:
    """Every environment on disk, by name; those of no release in ``releases`` are outdated."""
    known = {release.name: release for release in releases}
    return [_describe(root, known) for root in folders()]


def _describe(root: Path, known: dict[str, Release]) -> Installed:
    state = read(root)
    if state is None:
        engine, _, rest = root.name.partition("-")
        owner = holder(lock_file(root))
        status = BUILDING if owner else UNFINISHED
        return Installed(f"{engine}@{rest.partition('-')[0]}", root, status, None, owner)
    return Installed(state.release, root, _status(known.get(state.release), root, state), state)


def _status(release: Release | None, root: Path, state: State) -> str:
    if not state.usable:
        return BROKEN
    if release is None:
        return OUTDATED if state.managed else READY
    if not _current(release, root, state):
        return OUTDATED
    return BROKEN if sources.faults(state.environment(release, root)) else READY


def remove(
    release: Release, *, leftovers: bool = False, waiting: Callable[[str], object] | None = None
) -> list[Path]:
    """Remove every environment of the release, finished or not; the folders that went.

    With ``leftovers`` only those that are not ready. A Python of the user's own is only forgotten.
    ``waiting`` is told who is at work on one, before this waits for it.
    """
    gone = []
    for root in folders(release):
        with locked(lock_file(root), waiting):
            state = read(root)
            if leftovers and state and _status(release, root, state) == READY:
                continue
            clear(root)
        gone.append(root)
    return gone


def clear(root: Path) -> None:
    """Remove an environment's folder: the state first, so a half-removed one is not taken whole."""
    try:
        (root / FILE).unlink(missing_ok=True)
        if root.exists():
            shutil.rmtree(root)
    except OSError as error:
        raise RecipeError(
            say("An environment cannot be removed.", "环境无法删除。"),
            where=str(error.filename or root),
            why=error.strerror,
            fix=say(f"remove {root} by hand", f"请手动删除 {root}"),
        ) from error


def lock_file(root: Path) -> Path:
    return root.with_name(f".{root.name}.lock")


def folders(release: Release | None = None) -> list[Path]:
    """The folders of the release's environments (None: of all), by name."""
    prefix = f"{release.engine}-{release.version}-" if release else ""
    place = paths.environments_dir()
    try:
        entries = [entry for entry in place.iterdir() if entry.name.startswith(prefix)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise cannot_use(place, error) from error
    return sorted(entry for entry in entries if entry.is_dir())
