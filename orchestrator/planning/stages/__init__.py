"""The stages in order. Each planner is a function from a job and its run directory to a plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orchestrator.base.plan import Plan
from orchestrator.engines.job import Job
from orchestrator.engines.registry import engine_plan
from orchestrator.planning.stages import data, model, render

Planner = Callable[[Job, Path], Plan]

#: Stages that every engine shares; `check` and those after it are the engine's own.
SHARED: dict[str, Planner] = {"data": data.plan, "model": model.plan, "render": render.plan}


def plan(stage: str, job: Job, root: Path) -> Plan:
    """The plan of one stage of ``job`` in the run directory ``root``."""
    if stage in SHARED:
        return SHARED[stage](job, root)
    return engine_plan(stage, job)
