"""``run.json``: what a run did, written atomically after every step."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from orchestrator.base import layout
from orchestrator.base.errors import RecipeError
from orchestrator.base.files import write_atomic
from orchestrator.base.language import say
from orchestrator.base.layout import RunPaths
from orchestrator.base.lock import holder, locked
from orchestrator.base.typed import misfits
from orchestrator.engines.job import Job, Standin
from orchestrator.running.request import Request
from orchestrator.verifying.content import changed, of_path, snapshot

State = Literal["waiting", "running", "done", "failed", "interrupted"]
Failure = dict[str, str | int | bool | None]
#: 1: no request, no inputs, outputs without digests.
SCHEMA = 2
_LOCK = ".lock"


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
    inputs: list[str] = field(default_factory=list)
    """Which of ``parts`` are digests of files and folders that the stage reads."""
    outputs: dict[str, list[int | str]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    failure: Failure = field(default_factory=dict)
    """The error as it was told (what, why, fix), and how the last command ended (code,
    out_of_memory)."""


@dataclass
class RunRecord:
    """One run: what was asked for, the mode, its stages, and who is working on it."""

    recipe: str
    title: str
    engine: str
    rehearsal: bool
    changes: list[str]
    created: str
    request: dict[str, Any] = field(default_factory=dict)
    """:meth:`orchestrator.running.request.Request.identity`; empty in records of schema 1."""
    python: str | None = None
    """The Python of the user's own that holds the engine."""
    standin: Standin | None = None
    """What a rehearsal trained; None in a real run, and in a record from before it was noted."""
    estimate: dict[str, Any] = field(default_factory=dict)
    """What each stage of the real run takes (:func:`orchestrator.running.peak.expected`)."""
    state: State = "waiting"
    stages: list[StageRecord] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    host: str | None = None
    pid: int | None = None
    schema: int = SCHEMA

    def stage(self, name: str) -> StageRecord:
        for stage in self.stages:
            if stage.name == name:
                return stage
        self.stages.append(StageRecord(name))
        return self.stages[-1]


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def save(record: RunRecord, paths: RunPaths) -> None:
    text = json.dumps(asdict(record), ensure_ascii=False, indent=2)
    write_atomic(paths.record, text + "\n")


def read(root: Path) -> RunRecord:
    """The record of the run in ``root``; RecipeError when it is missing or cannot be read."""
    path = RunPaths(root).record
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["schema"] > SCHEMA:
            raise ValueError(
                say(
                    f"it has schema {value['schema']}, and this recipe knows {SCHEMA}",
                    f"它的 schema 是 {value['schema']}，而此版本的 recipe 只认识到 {SCHEMA}",
                )
            )
        return _made_of(value)
    except (FileNotFoundError, NotADirectoryError):
        raise RecipeError(
            say(f"{root} is not a run directory.", f"{root} 不是运行目录。"),
            where=str(path),
            why=say(f"it has no {layout.RECORD}", f"其中没有 {layout.RECORD}"),
            fix=say(
                "list the runs there are with `recipe status`", "用 `recipe status` 列出已有的运行"
            ),
        ) from None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unreadable(path, f"{type(error).__name__}: {error}") from error


def begun(
    job: Job, request: dict[str, object] | None, estimate: dict[str, Any] | None = None
) -> RunRecord:
    """The record of a run that begins."""
    return RunRecord(
        recipe=job.name,
        title=job.recipe.title,
        engine=job.release.name,
        rehearsal=job.rehearsal,
        standin=job.standin,
        changes=list(job.changes),
        created=now(),
        request=dict(request or {}),
        estimate=dict(estimate or {}),
    )


def opened(paths: RunPaths, fresh: RunRecord) -> RunRecord:
    """The record in the run directory, brought up to what is asked for now; else ``fresh``."""
    if not paths.record.exists():
        return fresh
    found = read(paths.root)
    found.title, found.changes, found.standin = fresh.title, fresh.changes, fresh.standin
    found.request = fresh.request or found.request
    found.estimate = fresh.estimate or found.estimate
    return found


def _made_of(value: dict[str, Any]) -> RunRecord:
    """The record of parsed JSON. ValueError, TypeError … for what no `recipe` writes."""
    stages = value.pop("stages")
    wrong = misfits(RunRecord, value)
    wrong += [f"stages.{key}" for stage in stages for key in misfits(StageRecord, stage)]
    if wrong:
        listed = ", ".join(dict.fromkeys(wrong))
        raise ValueError(say(f"values of a wrong type: {listed}", f"类型不对的值：{listed}"))
    record = RunRecord(**{**value, "schema": SCHEMA}, stages=[StageRecord(**one) for one in stages])
    if record.request:
        Request.of(record.request)
    return record


def _unreadable(path: Path, why: str) -> RecipeError:
    return RecipeError(
        say("A run's record cannot be read.", "无法读取运行记录。"),
        where=str(path),
        why=why,
        fix=say(
            "move the folder away, or leave it there and start another run with --new",
            "请移走该文件夹，或保留它并用 --new 开始另一次运行",
        ),
    )


def is_alive(record: RunRecord, root: Path) -> bool:
    """Whether a process is at work in the run directory ``root``, as its record says.

    On this host the lock knows: a number of a process is given away again, and a copied record
    speaks of the run that it was copied from.
    """
    if record.state != "running":
        return False
    if record.host != socket.gethostname():
        return True  # another machine of the cluster: its own word is all there is
    return holder(root / _LOCK) is not None


def stale(record: RunRecord, root: Path) -> dict[str, str]:
    """Finished stages whose result no longer follows from what it was made of, and why.

    A file outside the run that is gone proves nothing: a finished run stands by itself.
    """
    found: dict[str, str] = {}
    remade: dict[str, str] = {}
    for stage in record.stages:
        unfinished = say("it is not finished", "它尚未完成")
        why = _why_stale(stage, root, remade) if stage.state == "done" else unfinished
        if why is None:
            continue
        if stage.state == "done":
            found[stage.name] = why
        remade.update(dict.fromkeys(stage.outputs, stage.name))
    return found


def _why_stale(stage: StageRecord, root: Path, remade: dict[str, str]) -> str | None:
    for name in stage.inputs:
        gone = Path(name).is_absolute() and not Path(name).exists()
        if not gone and of_path(root / name) != stage.parts.get(name):
            return say(f"{name} was changed since", f"{name} 之后被改动过")
        inner = os.path.normpath(name)
        maker = next((by for made, by in remade.items() if _within(made, inner)), None)
        if maker is not None:
            return say(f"{inner} has to be made again by {maker}", f"{inner} 须由 {maker} 重新生成")
    return changed(stage.outputs, snapshot(root, stage.outputs, stage.outputs))


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def shown_state(record: RunRecord, root: Path) -> State:
    """The state as a reader should see it: a runner that was killed left "running" behind."""
    if record.state == "running" and not is_alive(record, root):
        return "interrupted"
    return record.state


@contextlib.contextmanager
def claimed(paths: RunPaths) -> Iterator[None]:
    """Keep the run directory for this process; RecipeError when another is at work in it."""

    def refuse(owner: str) -> None:
        raise RecipeError(
            say(
                "Another process is working in this run directory.",
                "另一个进程正在此运行目录中工作。",
            ),
            where=str(paths.root),
            why=owner,
            fix=say(
                "wait for it (recipe status), or start a run of your own with --new",
                "请等它结束（recipe status），或用 --new 开始自己的运行",
            ),
        )

    with locked(paths.root / _LOCK, refuse, variable="RECIPE_RUNS"):
        yield
