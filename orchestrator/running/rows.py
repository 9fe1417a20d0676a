"""What the engine will make of the rows: its own check, with the run's real tokenizer, no weights.

`recipe check --rows` goes through data, render and check in a folder that is thrown away.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build
from orchestrator.preflight.rule import Rule, Verdict
from orchestrator.running import execution

ROWS = Rule(
    id="tokens",
    looks=(
        "rows lost, cut or empty at max_length with the run's tokenizer, and its optimizer steps",
        "用运行的分词器检查在 max_length 处丢失、截断或为空的行，以及优化步数",
    ),
    source="the engine's own loader and template (the stage check)",
    examine=lambda _here: (),  # it runs the engine: recipe check --rows
)
REPORT = "check.json"


def of_rows(recipe: str, *, python: Path | None = None, **given: Any) -> list[Verdict]:
    """What the engine says of the rows of a recipe by name; its environment must be installed."""
    job = build(load(recipe, **given))
    environment = inventory.find(job.release, python=python)
    if environment is None:
        raise RecipeError(
            say(f"{job.release.name} is not installed.", f"{job.release.name} 尚未安装。"),
            fix=f"recipe env install {job.release.name}",
        )
    if not gpus():
        # Engines refuse bf16 before they look at a row; the rows are the same in any precision.
        train = job.recipe.train.model_copy(update={"precision": "fp32"})
        job = replace(job, recipe=job.recipe.model_copy(update={"train": train}))
    return list(examined(job, environment))


def examined(job: Job, environment: Environment) -> Iterator[Verdict]:
    """What the engine's check says of the rows: faults, warnings, and its figures as a note.

    RecipeError where the rows or the tokenizer cannot be had, or the check itself breaks.
    """
    with tempfile.TemporaryDirectory(prefix="recipe-check-") as place:
        root = Path(place)
        job = replace(job, environment=environment.bin)
        (root / job.model_name).symlink_to(
            fetch_model(job.recipe.model, weights=False).path.resolve()
        )
        for name in ("data", "render", "check"):
            _carry_out(stages.plan(name, job, root), job, environment, root)
        report = json.loads((root / REPORT).read_text(encoding="utf-8"))
    yield from _verdicts(report)


def _carry_out(plan: Plan, job: Job, environment: Environment, root: Path) -> None:
    for file in plan.files:
        write_atomic(root / file.path, file.text, executable=file.executable)
    if plan.task is not None:
        plan.task.run(root, lambda _done, _total, _what: None)
    for command in plan.commands:
        engine = engine_of(job)
        ending = execution.run(
            execution.resolved(command.argv, root),
            environment,
            execution.environment_of(environment, command, offline=True, base=os.environ),
            root=root,
            log=RunPaths(root).log(plan.stage),
            echo=lambda _chunk: None,
        )
        if not ending.succeeded(command, engine) or not (root / REPORT).is_file():
            raise ending.explained("The engine's check did not finish.", engine)


def _verdicts(report: dict[str, Any]) -> Iterator[Verdict]:
    for fault in report["faults"]:
        cause = " ".join(filter(None, (fault["what"], fault["why"])))
        yield Verdict(ROWS, "error", cause, fault["fix"])
    for warning in report["warnings"]:
        yield Verdict(ROWS, "warning", warning)
    figures = [f"{key.replace('_', ' ')} {value}" for key, value in report["figures"].items()]
    if figures:
        yield Verdict(ROWS, "note", ", ".join(figures))


def unexamined(error: RecipeError) -> Verdict:
    """Why nothing is known of the rows."""
    return Verdict(ROWS, "error", " ".join(filter(None, (error.what, error.why))), error.fix)
