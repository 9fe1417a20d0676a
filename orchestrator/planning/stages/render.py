"""render: what the engine reads, the resolved recipe, and the commands to run by hand."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base import layout
from orchestrator.base.plan import Plan, PlannedFile
from orchestrator.engines.job import Job
from orchestrator.engines.registry import engine_of
from orchestrator.planning.script import commands_script
from orchestrator.recipe.dump import dump


def plan(job: Job, root: Path) -> Plan:
    """The engine's files, ``recipe.lock.yaml`` and ``commands.sh``."""
    return Plan(
        stage="render",
        files=(
            *engine_of(job).files(job),
            *resolved(job),
            PlannedFile(path=layout.COMMANDS, text=commands_script(job), executable=True),
        ),
    )


def resolved(job: Job) -> list[PlannedFile]:
    """``recipe.lock.yaml``, and beside it the recipe's own template: the two work in any folder."""
    recipe, files = job.recipe, []
    if recipe.template_file is not None:
        text = Path(recipe.template_file).read_text(encoding="utf-8")
        files.append(PlannedFile(path=layout.TEMPLATE, text=text))
        recipe = recipe.model_copy(update={"template_file": layout.TEMPLATE})
    return [*files, PlannedFile(path=layout.LOCK, text=dump(recipe))]
