"""What the command line calls: a request becomes a job, a job becomes a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.base.hardware import has_bf16
from orchestrator.base.language import say
from orchestrator.base.layout import RunPaths
from orchestrator.base.paths import runs_dir
from orchestrator.base.secrets import redacted
from orchestrator.engines.job import Job
from orchestrator.envs import inventory, sources
from orchestrator.envs.environment import Environment
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build, with_environment
from orchestrator.planning.script import shell_line
from orchestrator.preflight.checking import before_run
from orchestrator.preflight.rule import Verdict
from orchestrator.recipe.schema import Recipe
from orchestrator.running import directories
from orchestrator.running import record as records
from orchestrator.running.deciding import Decision, Selection, preview
from orchestrator.running.peak import expected
from orchestrator.running.record import RunRecord
from orchestrator.running.request import Request
from orchestrator.running.runner import Reporter, Runner

Building = Callable[[str], AbstractContextManager[Callable[[str], object]]]


@dataclass(frozen=True)
class Asked:
    """A request with its job, and the run directory in which it goes on (None: a new one)."""

    request: Request
    job: Job
    root: Path | None
    recipe: Recipe
    """The recipe for real, whatever a rehearsal makes of it."""


def ask(request: Request, *, new: bool = False) -> Asked:
    """What ``request`` means, before anything is written.

    Raises UsageError (all faults of a recipe at once) for what cannot be done.
    """
    loaded = load(
        request.recipe,
        sets=request.sets,
        params=request.params,
        engine=request.engine,
        environ=request.environ,
    )
    job = build(
        loaded,
        rehearse=request.rehearse,
        standin=request.standin,
        passthrough=request.passthrough,
        only_available=request.only_available,
    )
    if not request.rehearse:
        job = replace(job, bf16=has_bf16())
    if os.path.sep in request.recipe or request.recipe.endswith((".yaml", ".yml")):
        request = replace(request, recipe=str(loaded.path.absolute()))
    root = directories.chosen(runs_dir(), job.name, request, new=new)
    return Asked(request, job, root, loaded.recipe)


def preflight(asked: Asked, selection: Selection) -> list[Verdict]:
    """What the rules say before anything is written or downloaded, for the stages still to run.

    :class:`~orchestrator.preflight.checking.PreflightFaults` for what would stop the run; nothing
    when every wanted stage is done.
    """
    left = selection.of(asked.job)
    if asked.root is not None and RunPaths(asked.root).record.exists():
        record = records.read(asked.root)
        done = {stage.name for stage in record.stages if stage.state == "done"}
        left = tuple(name for name in left if name not in done or selection.forces(name))
    if not left:
        return []
    own = asked.request.python or (_remembered(asked.root) if asked.root else None)
    return before_run(asked.job, stages=left, python=Path(own) if own else None)


def directory(asked: Asked, selection: Selection) -> Path:
    """Where the run is to take place: a new directory only for a selection that can begin."""
    selection.of(asked.job)
    if asked.root is not None:
        return asked.root
    selection.check(asked.job, records.begun(asked.job, None))
    return directories.make(runs_dir(), asked.job.name, asked.request.name)


@contextmanager
def _unseen(_name: str) -> Iterator[Callable[[str], object]]:
    yield lambda _line: None


def execute(
    asked: Asked,
    root: Path,
    selection: Selection,
    reporter: Reporter,
    *,
    torch_backend: str | None = None,
    building: Building = _unseen,
    warm: bool = True,
) -> RunRecord:
    """Run the job in ``root``; its environment is built on first use.

    ``building`` is entered with the release's name only when something is to be built; what it
    gives is called with one line of progress at a time.
    """
    request, job = asked.request, asked.job
    python = request.python or _remembered(root)

    def environment() -> Environment:
        own = Path(python) if python else None
        backend = torch_backend or os.environ.get("UV_TORCH_BACKEND")
        ready = None if backend else inventory.find(job.release, python=own)
        if ready is not None:
            return sources.require(ready)
        from orchestrator.envs.install import ensure

        with building(job.release.name) as tell:
            return ensure(job.release, python=own, torch_backend=torch_backend, progress=tell)

    runner = Runner(
        job,
        root,
        reporter,
        environment,
        request=request.identity(),
        estimate=expected(asked.recipe),
        python=python,
        others=lambda: _others(job, root),
        warm=warm,
    )
    return runner.run(selection)


def _others(job: Job, root: Path) -> list[tuple[Path, RunRecord]]:
    """The other runs of the recipe in the same mode, newest first."""
    runs = directories.of_recipe(runs_dir().absolute(), job.name)
    return [run for run in runs if run[0] != root and run[1].rehearsal == job.rehearsal]


def _remembered(root: Path) -> str | None:
    """The Python that an earlier command of this run named."""
    return records.read(root).python if RunPaths(root).record.exists() else None


def describe(asked: Asked, selection: Selection) -> dict[str, Any]:
    """What a run would do, as JSON values; nothing is executed and nothing is written."""
    job, request = asked.job, asked.request
    root = asked.root or directories.planned(runs_dir(), job.name, request.name)
    record = records.opened(RunPaths(root), records.begun(job, request.identity()))
    python = request.python or record.python
    own = Path(python) if python else None
    environment = inventory.find(job.release, python=own)
    digest = None
    if environment is not None:
        job, digest = with_environment(job, environment), environment.lock_digest
    found = preview(job, root, record, selection, environment=digest, others=_others(job, root))
    return {
        "recipe": job.name,
        "engine": job.release.name,
        "environment": str(environment.root) if environment else "not installed yet",
        "directory": str(root),
        "rehearsal": job.rehearsal,
        "standin": job.standin,
        "changes": list(job.changes),
        "notes": list(job.notes),
        "stages": [_described(decision) for decision in found],
    }


def _described(decision: Decision) -> dict[str, Any]:
    plan = decision.plan
    how = say("would run", "将会运行")
    if not decision.certain:
        how = say("would run, unless it comes out the same", "将会运行，除非结果不变")
    if decision.source is not None:
        how = say(f"would be taken over from {decision.source}", f"将从 {decision.source} 取用")
    return {
        "stage": plan.stage,
        "decision": say(f"{how} ({decision.why})", f"{how}（{decision.why}）")
        if decision.why
        else say("would be skipped (done)", "将会跳过（已完成）"),
        "runs": decision.why is not None and decision.source is None,
        "taken_over_from": str(decision.source) if decision.source else None,
        "moves": list(decision.moves),
        "task": redacted(plan.task.describe()) if plan.task else None,
        "files": [file.path for file in plan.files],
        "commands": [redacted(shell_line(command)) for command in plan.commands],
        "artifacts": [artifact.path for artifact in plan.artifacts],
    }
