"""Run the real `recipe` command and real engines from a test, one at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orchestrator.envs.environment import Environment

#: One engine at a time, for the sake of small machines' memory; RECIPE_ENGINE_SLOTS=2 lets two run
#: (a tiny model has one thread and takes 1 to 1.5 GB). RECIPE_ENGINE_LOCK names a lock of its own.
SHARED_LOCK = os.environ.get("RECIPE_ENGINE_LOCK")
SLOTS = [
    Path(tempfile.gettempdir()) / f"recipe-engine-tests-{os.getuid()}-{number}"
    for number in range(int(os.environ.get("RECIPE_ENGINE_SLOTS", "1")))
]
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
#: A tiny model's threads only wait for each other, beside other work for minutes.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
PLAIN = {"RECIPE_LANG": "en", "NO_COLOR": "1"}
#: An idle machine needs a minute for a whole rehearsal.
SECONDS = 1800.0
REPOSITORY = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def engine_slot() -> Iterator[None]:
    """Hold one of the machine's places for engines; wait for one while all are taken."""
    paths = [Path(SHARED_LOCK)] if SHARED_LOCK else SLOTS
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(path.open("a")) for path in paths]
        if not any(map(_taken, files)):
            fcntl.flock(files[os.getpid() % len(files)], fcntl.LOCK_EX)
        yield


def _taken(file: IO[str]) -> bool:
    """Take the lock if it is free."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code, and what it printed on both streams."""

    code: int
    output: str


def words_of(*words: str) -> list[str]:
    return [sys.executable, "-m", "orchestrator", *words]


def variables(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **OFFLINE, **ONE_THREAD, **PLAIN, "PYTHONPATH": path, **(extra or {})}


def recipe(
    *words: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = SECONDS,
    locked: bool = False,
) -> Done:
    """`recipe WORDS` in ``cwd``, to its end; ``locked``: the caller holds the lock already."""
    with contextlib.nullcontext() if locked else engine_slot():
        done = subprocess.run(
            words_of(*words),
            cwd=cwd,
            env=variables(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    return Done(done.returncode, done.stdout.decode("utf-8", errors="replace"))


def in_engine(environment: Environment, *words: str, cwd: Path, timeout: float = SECONDS) -> Done:
    """A script in the engine's own Python."""
    with engine_slot():
        done = subprocess.run(
            [str(environment.python), *words],
            cwd=cwd,
            env=environment.environ({**os.environ, **OFFLINE, **ONE_THREAD}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    return Done(done.returncode, done.stdout.decode("utf-8", errors="replace"))


def runs_of(workspace: Path) -> set[Path]:
    """The run directories under ``workspace/runs``."""
    return {record.parent for record in workspace.glob("runs/*/*/run.json")}


def only_run(workspace: Path) -> Path:
    """The one run directory under ``workspace/runs``."""
    (run,) = runs_of(workspace)
    return run
