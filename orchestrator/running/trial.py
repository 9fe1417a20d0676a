"""The first stages of a run in a folder that is thrown away: rows and tokenizer, no weights.

Who wants to know what an engine makes of a recipe, and trains nothing, goes this way.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.base.errors import RecipeError
from orchestrator.base.files import write_atomic
from orchestrator.base.hardware import gpus
from orchestrator.base.language import say
from orchestrator.base.layout import RunPaths
from orchestrator.base.plan import Plan
from orchestrator.engines.job import Job
from orchestrator.engines.registry import engine_of
from orchestrator.envs import inventory
from orchestrator.envs.environment import Environment
from orchestrator.hub.fetch import fetch_model
from orchestrator.planning import stages
from orchestrator.running import execution


def installed(job: Job, python: Path | None = None) -> Environment:
    """The environment of the job's release; RecipeError with the command that installs it."""
    environment = inventory.find(job.release, python=python)
    if environment is None:
        raise RecipeError(
            say(f"{job.release.name} is not installed.", f"{job.release.name} 尚未安装。"),
            fix=f"recipe env install {job.release.name}",
        )
    return environment


def for_any_machine(job: Job) -> Job:
    """The job with what a machine without a GPU accepts; the rows are the same in any precision.

    Engines refuse bf16 before they look at a row.
    """
    if gpus():
        return job
    train = job.recipe.train.model_copy(update={"precision": "fp32"})
    return replace(job, recipe=job.recipe.model_copy(update={"train": train}))


@dataclass(frozen=True)
class Trial:
    """A run directory in which the engine may be asked; ``job`` knows its environment."""

    job: Job
    environment: Environment
    root: Path

    def stages(self, names: Iterable[str]) -> None:
        for name in names:
            self.carry_out(stages.plan(name, self.job, self.root))

    def carry_out(self, plan: Plan, *, leaves: str | None = None) -> None:
        """Files, rows and commands of a plan; RecipeError when a command does not come to its end,
        or the file ``leaves`` is not there afterwards."""
        for file in plan.files:
            write_atomic(self.root / file.path, file.text, executable=file.executable)
        if plan.task is not None:
            plan.task.run(self.root, lambda _done, _total, _what: None)
        engine = engine_of(self.job)
        for command in plan.commands:
            ending = execution.run(
                execution.resolved(command.argv, self.root),
                self.environment,
                execution.environment_of(self.environment, command, offline=True, base=os.environ),
                root=self.root,
                log=RunPaths(self.root).log(plan.stage),
                echo=lambda _chunk: None,
            )
            gone = leaves is not None and not (self.root / leaves).is_file()
            if not ending.succeeded(command, engine) or gone:
                raise ending.explained(
                    say("The engine's check did not finish.", "引擎的检查没有完成。"), engine
                )


@contextmanager
def trial(job: Job, environment: Environment, *, no_model: str | None = None) -> Iterator[Trial]:
    """A trial whose model is there without its weights; a rehearsal makes its own stand-in.

    ``no_model`` is the next step where the model's files cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="recipe-trial-") as place:
        root = Path(place)
        if not job.rehearsal:
            (root / job.model_name).symlink_to(_folder(job, no_model).resolve())
        yield Trial(replace(job, environment=environment.bin), environment, root)


def _folder(job: Job, no_model: str | None) -> Path:
    try:
        return fetch_model(job.recipe.model, weights=False).path
    except RecipeError as error:
        error.fix = "\n         ".join(filter(None, (error.fix, no_model)))
        raise
