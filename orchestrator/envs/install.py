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
from orchestrator.base.language import say
from orchestrator.base.lock import locked
from orchestrator.base.process import capture
from orchestrator.envs import health, indexes, inventory, locks, sources, uv
from orchestrator.envs.environment import Environment
from orchestrator.envs.inventory import State
from orchestrator.envs.release import setting
from orchestrator.envs.worklog import WorkLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.envs.release import Release
    from orchestrator.envs.worklog import Progress


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
    is (``choose`` makes it the one that is used from now on). ``torch_backend`` is uv's: cpu,
    cu124, auto…; the default is UV_TORCH_BACKEND, else the locked build. ``progress`` is called
    with one line of text at a time. :class:`RecipeError` when it fails; nothing half-built stays
    behind, and nothing that the user changed in a checkout is removed.
    """
    tell = progress or (lambda line: None)
    backend = torch_backend or os.environ.get("UV_TORCH_BACKEND") or None
    own = python or inventory.named(release) or (None if backend else inventory.chosen(release))
    if own is not None:
        python = own.expanduser().absolute()
        root = inventory.foreign_root(release, python)
        made = _once(release, root, tell, lambda log: _examine(release, python, root, log))
        if choose:
            _choose(root)
    elif backend is None and (ready := inventory.find(release)) is not None:
        made = ready  # of several torch backends, the one installed last
    else:
        lock = locks.load(release, backend)
        root = paths.environments_dir() / lock.key
        made = _once(release, root, tell, lambda log: _install(release, lock, root, log))
    return sources.require(made)


def _once(
    release: Release, root: Path, tell: Progress, build: Callable[[WorkLog], State]
) -> Environment:
    """The environment at ``root``; built by one process at a time when it is not there."""

    def waiting(owner: str) -> None:
        english = f"another recipe is building {release.name} ({owner}); waiting"
        tell(say(english, f"另一个 recipe 正在构建 {release.name}（{owner}），请稍候"))

    made = inventory.at(release, root)
    if made is not None:
        return made
    with locked(inventory.lock_file(root), waiting) as handle:
        made = inventory.at(release, root)
        if made is not None:
            return made
        log = paths.cache_dir() / "logs" / f"env-{root.name}.log"
        try:
            state = build(WorkLog(log, tell, handle))
            inventory.write(root, state)
        except BaseException:
            with contextlib.suppress(RecipeError):
                if inventory.read(root) is None:  # never finished before either
                    inventory.clear(root)
            raise
    return state.environment(release, root)


def _choose(root: Path) -> None:
    state = inventory.read(root)
    if state is not None:
        inventory.write(root, replace(state, chosen=True, created=time.time()))


def _install(release: Release, lock: locks.Lock, root: Path, log: WorkLog) -> State:
    start = time.monotonic()
    if root.exists():
        _keep_changes(release, root)
        english = f"clearing {release.name}, which was left half built"
        log.tell(say(english, f"正在清理没有建完的 {release.name}"))
        inventory.clear(root)
    environment = Environment(release, root / "bin" / "python", True, lock.digest)
    _packages(environment, lock, log)
    sources.clone(release, root, log)
    state = _checked(environment, log)
    seconds, size = time.monotonic() - start, _size(root)
    english = f"{release.name} is ready ({seconds:.0f} s, {size / 1e9:.1f} GB)"
    log.tell(say(english, f"{release.name} 已就绪（{seconds:.0f} 秒，{size / 1e9:.1f} GB）"))
    return replace(state, backend=lock.backend, seconds=round(seconds, 1), bytes=size)


def _keep_changes(release: Release, root: Path) -> State | None:
    """The state of what was finished at ``root``, unless a checkout there was changed."""
    known = inventory.read(root)
    if known is not None:
        sources.require(known.environment(release, root))
    return known


def _packages(environment: Environment, lock: locks.Lock, log: WorkLog) -> None:
    release, root = environment.release, environment.root
    wanted = os.environ.get("RECIPE_PYTHON") or release.python
    english = f"installing {release.name} with Python {wanted} into {root}"
    log.tell(say(english, f"正在用 Python {wanted} 安装 {release.name}，位置 {root}"))
    uv.run(
        ["venv", "--no-project", "--python", wanted, "--prompt", release.name, str(root)],
        log=log,
        doing=say(
            f"Python {wanted}, which {release.name} needs, could not be set up.",
            f"{release.name} 需要的 Python {wanted} 无法准备。",
        ),
    )
    _same_python(environment, wanted)
    requirements = root / "requirements.txt"
    write_atomic(requirements, lock.requirements())
    words = [*indexes.flags(os.environ), "--python", str(environment.python)]
    if lock.constraints is not None:
        words += ["--build-constraints", str(lock.constraints)]
    # sync installs the lock and nothing else; with another backend uv has to resolve anew.
    if lock.backend is None:
        words = ["pip", "sync", *words, str(requirements)]
    else:
        torch = ["--torch-backend", lock.backend]
        words = ["pip", "install", *torch, *words, "--requirement", str(requirements)]
    uv.run(
        words,
        log=log,
        doing=say(f"{release.name} could not be installed.", f"{release.name} 无法安装。"),
    )


def _same_python(environment: Environment, wanted: str) -> None:
    release = environment.release
    text = (environment.root / "pyvenv.cfg").read_text(encoding="utf-8")
    versions = re.findall(r"^version(?:_info)? *= *(\S+)", text, re.M)
    if any((version + ".").startswith(release.python + ".") for version in versions):
        return
    raise UsageError(
        say(
            f"{release.name} is locked for Python {release.python}.",
            f"{release.name} 锁定在 Python {release.python}。",
        ),
        where=f"RECIPE_PYTHON={wanted}",
        why=say(f"that is Python {', '.join(versions)}", f"那是 Python {', '.join(versions)}"),
        fix=say(
            f"name a Python {release.python}, or unset RECIPE_PYTHON",
            f"请指定 Python {release.python}，或取消 RECIPE_PYTHON（unset）",
        ),
    )


def _checked(environment: Environment, log: WorkLog) -> State:
    """The state of an environment whose tools were just imported."""
    name, python = environment.release.name, environment.python
    english = f"checking that the tools of {name} import in {python}"
    log.tell(say(english, f"正在检查 {name} 的工具能否在 {python} 中导入"))
    report = health.require(environment, log)
    own = not environment.managed
    if own:
        _same_release(environment, report)
    digest = locks.digest_of("\n".join(report.distributions)) if own else environment.lock_digest
    return State(
        release=name,
        managed=environment.managed,
        python=str(python),
        python_version=report.python,
        lock_digest=digest,
        backend=None,
        created=time.time(),
        stamps=inventory.stamps(report.folders) if own else {},
    )


def _size(root: Path) -> int:
    """Bytes on disk under ``root``; a file with several links in it is counted once."""
    with contextlib.suppress(OSError, ValueError):  # a figure for `env list`, nothing more
        return int(capture(["du", "-sk", str(root)]).output.split()[0]) * 1024
    return 0


def _examine(release: Release, python: Path, root: Path, log: WorkLog) -> State:
    """A Python of the user's own: nothing is installed into it, it is only looked at."""
    if not (python.is_file() and os.access(python, os.X_OK)):
        raise UsageError(
            say(
                f"The Python of your own for {release.name} cannot be run.",
                f"你为 {release.name} 指定的 Python 无法运行。",
            ),
            where=str(python),
            why=say("it is not a program", "它不是可执行程序")
            if python.exists()
            else say("there is no such file", "没有这个文件"),
            fix=say(
                f"name a Python that holds {release.engine} {release.version} (--python, or "
                f"{setting('PYTHON', release)}), or forget it: recipe env remove {release.name} -y",
                f"请指定装有 {release.engine} {release.version} 的 Python（--python，或 "
                f"{setting('PYTHON', release)}），或不再使用它：recipe env remove {release.name} "
                "-y",
            ),
        )
    known = _keep_changes(release, root)
    if known is None:
        inventory.clear(root)
        sources.clone(release, root, log)
    state = _checked(Environment(release, python, False, "", sources.folder(root)), log)
    return replace(state, chosen=known is not None and known.chosen)


def _same_release(environment: Environment, report: health.Health) -> None:
    release = environment.release
    version = report.versions.get(release.engine)
    if release.engine not in locks.load(release).pins() or version == release.version:
        return
    raise UsageError(
        say(
            f"The Python named for {release.name} does not hold that release.",
            f"为 {release.name} 指定的 Python 中不是该版本。",
        ),
        where=str(environment.python),
        why=say(f"it holds {release.engine} {version}", f"其中是 {release.engine} {version}")
        if version
        else say("it does not hold it", "其中没有它"),
        fix=say(
            f"install {release.engine}=={release.version} there, or let recipe build an "
            f"environment: recipe env install {release.name}",
            f"在其中安装 {release.engine}=={release.version}，或让 recipe 构建环境：recipe env "
            f"install {release.name}",
        ),
    )
