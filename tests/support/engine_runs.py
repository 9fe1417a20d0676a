"""Run the real `recipe` command and real engines from a test, one at a time on a machine."""

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

from orchestrator.envs import Environment

#: Two trainings at once would fight for memory and take longer than one after the other.
LOCK = Path(
    os.environ.get("RECIPE_ENGINE_LOCK", Path(tempfile.gettempdir()) / "recipe-engine-tests")
)
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
PLAIN = {"RECIPE_LANG": "en", "NO_COLOR": "1"}
REPOSITORY = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def one_engine_at_a_time() -> Iterator[None]:
    with LOCK.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code, and what it printed on both streams."""

    code: int
    output: str


def words_of(*words: str) -> list[str]:
    return [sys.executable, "-m", "orchestrator", *words]


def variables(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **OFFLINE, **PLAIN, "PYTHONPATH": path, **(extra or {})}


def recipe(
    *words: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 400,
    locked: bool = False,
) -> Done:
    """`recipe WORDS` in ``cwd``, to its end; ``locked``: the caller holds the lock already."""
    with contextlib.nullcontext() if locked else one_engine_at_a_time():
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


def in_engine(environment: Environment, *words: str, cwd: Path, timeout: float = 200) -> Done:
    """A script in the engine's own Python."""
    with one_engine_at_a_time():
        done = subprocess.run(
            [str(environment.python), *words],
            cwd=cwd,
            env=environment.environ({**os.environ, **OFFLINE}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    return Done(done.returncode, done.stdout.decode("utf-8", errors="replace"))


def only_run(workspace: Path) -> Path:
    """The one run directory under ``workspace/runs``."""
    (record,) = workspace.glob("runs/*/*/run.json")
    return record.parent
