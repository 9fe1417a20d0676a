"""What the command line calls: a recipe's name becomes a job, a job becomes a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator import envs
from orchestrator.base.hardware import has_bf16
from orchestrator.base.paths import runs_dir
from orchestrator.base.plan import Plan
from orchestrator.engines.job import Job
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build
from orchestrator.planning.script import shell_line
from orchestrator.running import record as records
from orchestrator.running.record import RunRecord, StageRecord
from orchestrator.running.runner import Preview, Reporter, Runner, Selection, new_run_directory


def make_job(
    recipe: str,
    *,
    sets: Sequence[str] = (),
    params: Sequence[str] = (),
    engine: str | None = None,
    rehearse: bool = False,
    passthrough: Sequence[str] = (),
    only_available: bool = False,
) -> Job:
    """The job of the recipe of that name or path, with what the command line adds."""
    loaded = load(recipe, sets=sets, params=params, engine=engine)
    job = build(loaded, rehearse=rehearse, passthrough=passthrough, only_available=only_available)
    return job if rehearse else replace(job, bf16=has_bf16())


def run_directory(job: Job, *, new: bool) -> Path:
    """Where the job goes on: the newest run of this recipe in this mode, else a new one."""
    folder = runs_dir()
    if not new:
        found = records.latest(
            folder.absolute(), job.name, rehearsal=job.rehearsal, engine=job.release.engine
        )
        if found is not None:
            return found
    return new_run_directory(folder, job.name)


@contextmanager
def _unseen(_name: str) -> Iterator[Callable[[str], object]]:
    yield lambda _line: None


def execute(
    job: Job,
    root: Path,
    selection: Selection,
    reporter: Reporter,
    *,
    python: Path | None = None,
    torch_backend: str | None = None,
    building: Callable[[str], AbstractContextManager[Callable[[str], object]]] = _unseen,
) -> RunRecord:
    """Run the job in ``root``; its environment is built on first use.

    ``building`` is entered with the release's name only when something is to be built; what it
    gives is called with one line of progress at a time.
    """

    def environment() -> envs.Environment:
        chosen = torch_backend or os.environ.get("UV_TORCH_BACKEND")
        ready = None if chosen else envs.find(job.release, python=python)
        if ready is not None:
            return ready
        from orchestrator.envs.install import ensure

        with building(job.release.name) as tell:
            return ensure(job.release, python=python, torch_backend=torch_backend, progress=tell)

    return Runner(job, root, reporter, environment).run(selection)


def describe(job: Job, root: Path, selection: Selection) -> dict[str, Any]:
    """What a run would do, as JSON values; nothing is executed and nothing is written."""
    from orchestrator.envs.install import ensure

    environment = envs.find(job.release)
    runner = Runner(job, root, SILENT, lambda: ensure(job.release))
    return {
        "recipe": job.name,
        "engine": job.release.name,
        "environment": str(environment.root) if environment else "not installed yet",
        "directory": str(root),
        "rehearsal": job.rehearsal,
        "changes": list(job.changes),
        "notes": list(job.notes),
        "stages": [_described(one) for one in runner.preview(selection, environment)],
    }


def _described(preview: Preview) -> dict[str, Any]:
    plan = preview.plan
    return {
        "stage": plan.stage,
        "decision": f"would run ({preview.why})" if preview.why else "would be skipped (done)",
        "runs": preview.why is not None,
        "task": plan.task.describe() if plan.task else None,
        "files": [file.path for file in plan.files],
        "commands": [shell_line(command) for command in plan.commands],
        "artifacts": [artifact.path for artifact in plan.artifacts],
    }


class _Silent:
    """A reporter that says nothing: a preview has nothing to report."""

    def progress(self, done: int, total: int, what: str, /) -> None: ...
    def skipped(self, stage: str, seconds: float | None) -> None: ...
    def started(self, number: int, count: int, plan: Plan, why: str | None) -> None: ...
    def command(self, line: str) -> None: ...
    def output(self, chunk: bytes) -> None: ...
    def finished(self, record: StageRecord) -> None: ...
    def note(self, text: str) -> None: ...


SILENT = _Silent()
