"""render: what the engine reads, the resolved recipe, and the commands to run by hand."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base.plan import Plan, PlannedFile
from orchestrator.engines.job import Job
from orchestrator.engines.registry import engine_of
from orchestrator.planning.script import commands_script
from orchestrator.recipe.load import dump


def plan(job: Job, root: Path) -> Plan:
    """The engine's files, ``recipe.lock.yaml`` and ``commands.sh``."""
    return Plan(
        stage="render",
        files=(
            *engine_of(job).files(job),
            PlannedFile(path="recipe.lock.yaml", text=dump(job.recipe)),
            PlannedFile(path="commands.sh", text=commands_script(job), executable=True),
        ),
    )
