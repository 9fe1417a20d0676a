"""What the engine will make of the rows: its own check, with the run's real tokenizer, no weights.

`recipe check --rows` goes through data, render and check in a folder that is thrown away.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.base.errors import RecipeError
from orchestrator.engines.job import Job
from orchestrator.envs.environment import Environment
from orchestrator.planning import stages
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build
from orchestrator.preflight.rule import Rule, Verdict
from orchestrator.running.trial import for_any_machine, installed, trial

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
    return list(examined(for_any_machine(job), installed(job, python)))


def examined(job: Job, environment: Environment) -> Iterator[Verdict]:
    """What the engine's check says of the rows: faults, warnings, and its figures as a note.

    RecipeError where the rows or the tokenizer cannot be had, or the check itself breaks.
    """
    with trial(job, environment) as here:
        here.stages(("data", "render"))
        here.carry_out(stages.plan("check", here.job, here.root), leaves=REPORT)
        report = json.loads((here.root / REPORT).read_text(encoding="utf-8"))
    yield from _verdicts(report)


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
