"""``run.json``: what a run did, written atomically after every step, and finding runs again."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.files import write_atomic
from orchestrator.base.layout import RunPaths

State = Literal["waiting", "running", "done", "failed", "interrupted"]
SCHEMA = 1


@dataclass
class StageRecord:
    """One stage of a run. Times are UTC, ISO 8601; ``seconds`` is wall time of the last attempt."""

    name: str
    state: State = "waiting"
    started: str | None = None
    ended: str | None = None
    seconds: float | None = None
    attempts: int = 0
    why: str | None = None
    parts: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, list[int]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


@dataclass
class RunRecord:
    """One run: the recipe's name, the mode, its stages, and who is working on it."""

    recipe: str
    title: str
    engine: str
    rehearsal: bool
    changes: list[str]
    created: str
    state: State = "waiting"
    stages: list[StageRecord] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    host: str | None = None
    pid: int | None = None
    schema: int = SCHEMA

    def stage(self, name: str) -> StageRecord:
        for one in self.stages:
            if one.name == name:
                return one
        self.stages.append(StageRecord(name))
        return self.stages[-1]


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def save(record: RunRecord, paths: RunPaths) -> None:
    text = json.dumps(asdict(record), ensure_ascii=False, indent=2)
    write_atomic(paths.record, text + "\n")


def read(root: Path) -> RunRecord:
    """The record of the run in ``root``; RecipeError when it is missing or cannot be read."""
    path = RunPaths(root).record
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        stages = [StageRecord(**stage) for stage in value.pop("stages")]
        return RunRecord(**value, stages=stages)
    except FileNotFoundError:
        raise RecipeError(
            f"{root} is not a run directory.",
            where=str(path),
            why="it has no run.json",
            fix="list the runs there are with `recipe status`",
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecipeError(
            "A run's record cannot be read.",
            where=str(path),
            why=f"{type(error).__name__}: {error}",
            fix="move the folder away and start a new run",
        ) from error


def is_alive(record: RunRecord) -> bool:
    """Whether the process that says it is working on this run still exists on this host."""
    if record.state != "running" or record.pid is None:
        return False
    if record.host != socket.gethostname():
        return True  # another machine of the cluster: its own word is all there is
    try:
        os.kill(record.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def shown_state(record: RunRecord) -> State:
    """The state as a reader should see it: a runner that was killed left "running" behind."""
    if record.state == "running" and not is_alive(record):
        return "interrupted"
    return record.state


def all_runs(folder: Path) -> list[Path]:
    """Every run directory under ``folder``, oldest first."""
    return sorted(path.parent for path in folder.glob("*/*/run.json"))


def latest(folder: Path, recipe: str, *, rehearsal: bool, engine: str | None = None) -> Path | None:
    """The newest run of that recipe in that mode (and by that engine, whatever its release);
    unreadable ones are passed over."""
    for root in sorted(folder.glob(f"{recipe}/*"), reverse=True):
        with contextlib.suppress(RecipeError):
            found = read(root)
            name = found.engine.partition("@")[0]
            if found.rehearsal == rehearsal and engine in (None, name):
                return root
    return None


def find_run(text: str, folder: Path) -> Path:
    """The run that ``text`` names: its folder, RECIPE/STAMP, or a recipe's newest run.

    A real run is taken before a rehearsal. Raises :class:`UsageError` naming the runs there are.
    """
    for root in (Path(text), folder / text):
        if (root / "run.json").is_file():
            return root.absolute()
    for rehearsal in (False, True):
        found = latest(folder.absolute(), text, rehearsal=rehearsal)
        if found is not None:
            return found
    known = [str(root.relative_to(folder)) for root in all_runs(folder)]
    shown = (
        f"runs in {folder}: {', '.join(known[-8:])}" if known else f"there is no run in {folder}"
    )
    raise UsageError(f"There is no run called {text!r}.", where=str(folder), fix=shown)


@contextlib.contextmanager
def claimed(paths: RunPaths) -> Iterator[None]:
    """Hold the run directory; RecipeError when another process is at work in it."""
    paths.root.mkdir(parents=True, exist_ok=True)
    with (paths.root / ".lock").open("w", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RecipeError(
                "Another process is working in this run directory.",
                where=str(paths.root),
                why="two runs would write the same files",
                fix="wait for it (recipe status), or start a run of your own with --new",
            ) from error
        yield
