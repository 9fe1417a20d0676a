"""Build an environment: key, health, lock, look again, install, clean up on failure, state.

The order is pre-commit's. The folder is built where it stays, because the scripts in a virtual
environment hold its path; it counts only once the state file, written last, is there.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base import paths
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.files import write_atomic
from orchestrator.envs import health, indexes, inventory, locks, state, uv
from orchestrator.envs.environment import Environment
from orchestrator.envs.guard import held

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.envs.release import Release

    Progress = Callable[[str], object]


def ensure(
    release: Release,
    *,
    python: Path | None = None,
    torch_backend: str | None = None,
    progress: Progress | None = None,
    choose: bool = False,
) -> Environment:
    """The environment of ``release``, installed now if it is not there yet.

    ``python`` is a Python of the user's own that holds the engine: it is checked and used as it
    is (``choose`` makes it the one that :func:`find` gives from now on). ``torch_backend`` is
    uv's: cpu, cu124, auto…; the default is UV_TORCH_BACKEND, else the locked build.
    ``progress`` is called with one line of text at a time. :class:`RecipeError` when it fails;
    nothing half-built stays behind.
    """
    tell = progress or (lambda line: None)
    own = python or inventory.named(release)
    if own is not None:
        return _foreign(release, own.expanduser().absolute(), tell, choose=choose)
    backend = torch_backend or os.environ.get("UV_TORCH_BACKEND") or None
    if backend is None:
        ready = inventory.find(release)
        if ready is not None:
            return ready
    return _managed(release, locks.load(release, backend), tell)


def _managed(release: Release, lock: locks.Lock, tell: Progress) -> Environment:
    root = paths.environments_dir() / locks.key(release, lock)
    ready = _ready(release, root, lock)
    if ready is not None:
        return ready
    wait = f"another recipe is building {release.name}; waiting"
    with held(root, lambda: tell(wait)) as handle:
        return _ready(release, root, lock) or _build(release, root, lock, tell, handle)


def _ready(release: Release, root: Path, lock: locks.Lock) -> Environment | None:
    found = state.read(root)
    if found is None or found.lock_digest != lock.digest or not os.access(found.python, os.X_OK):
        return None
    return _at(release, root, lock.digest)


def _at(release: Release, root: Path, digest: str) -> Environment:
    folder = root / "bin"
    return Environment(release, root, folder / "python", folder, True, digest)


def _build(
    release: Release, root: Path, lock: locks.Lock, tell: Progress, handle: int
) -> Environment:
    start = time.monotonic()
    log = paths.cache_dir() / "logs" / f"env-{root.name}.log"
    if root.exists():
        tell(f"clearing {release.name}, which was left half built")
        inventory.clear(root)
    environment = _at(release, root, lock.digest)
    try:
        _install(environment, lock, log, tell, handle)
        found = _check(environment, log, tell)
        done = _state(environment, lock, found, time.monotonic() - start)
        state.write(root, done)
    except BaseException:
        with contextlib.suppress(RecipeError):
            inventory.clear(root)
        raise
    tell(f"{release.name} is ready ({done.seconds:.0f} s, {done.bytes / 1e9:.1f} GB)")
    return environment


def _install(
    environment: Environment, lock: locks.Lock, log: Path, tell: Progress, handle: int
) -> None:
    release, root = environment.release, environment.root
    wanted = os.environ.get("RECIPE_PYTHON") or release.python
    tell(f"installing {release.name} with Python {wanted} into {root}")
    uv.run(
        ["venv", "--no-project", "--python", wanted, "--prompt", release.name, str(root)],
        log=log,
        doing=f"Python {wanted}, which {release.name} needs, could not be set up.",
        keep=[handle],
        progress=tell,
    )
    _same_python(environment, wanted)
    requirements = root / "requirements.txt"
    write_atomic(requirements, lock.requirements())
    uv.run(
        _pip_words(lock, environment.python, requirements),
        log=log,
        doing=f"{release.name} could not be installed.",
        keep=[handle],
        progress=tell,
    )


def _pip_words(lock: locks.Lock, python: Path, requirements: Path) -> list[str]:
    """sync installs the lock and nothing else; with another backend uv has to resolve anew."""
    built_with = ["--build-constraints", str(lock.constraints)] if lock.constraints else []
    how = [
        *built_with,
        *indexes.flags(os.environ),
        *("--python", str(python)),
    ]
    if lock.backend is None:
        return ["pip", "sync", *how, str(requirements)]
    backend = ["--torch-backend", lock.backend]
    return ["pip", "install", *backend, *how, "--requirement", str(requirements)]


def _same_python(environment: Environment, wanted: str) -> None:
    release = environment.release
    text = (environment.root / "pyvenv.cfg").read_text(encoding="utf-8")
    versions = re.findall(r"^version(?:_info)? *= *(\S+)", text, re.M)
    if any((one + ".").startswith(release.python + ".") for one in versions):
        return
    raise UsageError(
        f"{release.name} is locked for Python {release.python}.",
        where=f"RECIPE_PYTHON={wanted}",
        why=f"that is Python {', '.join(versions)}",
        fix=f"name a Python {release.python}, or unset RECIPE_PYTHON",
    )


def _check(environment: Environment, log: Path, tell: Progress) -> health.Health:
    tell(f"checking that the tools of {environment.release.name} import")
    found = health.probe(environment, log=log)
    health.require(environment, found, log=log)
    environment.which(environment.release.command)
    return found


def _state(
    environment: Environment, lock: locks.Lock, found: health.Health, seconds: float
) -> state.State:
    return state.State(
        release=environment.release.name,
        managed=True,
        python=str(environment.python),
        python_version=found.python,
        lock_digest=lock.digest,
        backend=lock.backend,
        created=time.time(),
        seconds=round(seconds, 1),
        bytes=size(environment.root),
    )


def size(root: Path) -> int:
    """Bytes on disk under ``root``; a file with several links in it is counted once."""
    seen: set[int] = set()
    total = 0
    folders = [os.fspath(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                found = entry.stat(follow_symlinks=False)
                if found.st_ino not in seen:
                    seen.add(found.st_ino)
                    total += found.st_blocks * 512
    return total


def _foreign(release: Release, python: Path, tell: Progress, *, choose: bool) -> Environment:
    """A Python of the user's own: nothing is installed into it, it is only looked at."""
    root = inventory.foreign_root(release, python)
    ready = inventory.find(release, python=python)
    if ready is None:
        ready = _examine(release, python, root, tell)
    if choose:
        known = state.read(root)
        if known is not None:
            state.write(root, replace(known, chosen=True, created=time.time()))
    return ready


def _examine(release: Release, python: Path, root: Path, tell: Progress) -> Environment:
    _usable(release, python)
    tell(f"checking that the tools of {release.name} import in {python}")
    log = paths.cache_dir() / "logs" / f"env-{root.name}.log"
    environment = Environment(release, python.parent.parent, python, python.parent, False, "")
    found = health.probe(environment, log=log)
    _same_engine(release, python, found)
    health.require(environment, found, log=log)
    environment.which(release.command)
    environment.which("python")  # the engines' commands start a bare python
    digest = locks.digest_of("\n".join(found.distributions))
    known = state.State(
        release=release.name,
        managed=False,
        python=str(python),
        python_version=found.python,
        lock_digest=digest,
        backend=None,
        created=time.time(),
        stamps=inventory.stamps(found.folders),
    )
    state.write(root, known)
    return replace(environment, lock_digest=digest)


def _usable(release: Release, python: Path) -> None:
    if python.is_file() and os.access(python, os.X_OK):
        return
    raise UsageError(
        f"The Python given for {release.name} cannot be run.",
        where=str(python),
        why="it is not a program" if python.exists() else "there is no such file",
        fix=f"give the path of a Python that holds {release.engine} {release.version} "
        f"(--python, or {inventory.setting(release)})",
    )


def _same_engine(release: Release, python: Path, found: health.Health) -> None:
    if release.engine not in locks.load(release).pins() or found.engine == release.version:
        return
    has = f"it holds {release.engine} {found.engine}" if found.engine else "it does not hold it"
    raise UsageError(
        f"The Python given for {release.name} does not hold that release.",
        where=str(python),
        why=has,
        fix=f"install {release.engine}=={release.version} there, or let recipe build an "
        f"environment: recipe env install {release.name}",
    )
