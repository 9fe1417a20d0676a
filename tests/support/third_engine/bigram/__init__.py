"""A third engine, as small as one can be: it learns which letter follows which.

docs/adding-an-engine.md is proved with it (tests/unit/test_third_engine.py). It has no chat and no
server, and a proof of success of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.base import layout
from orchestrator.base.plan import Artifact, Command, Facts, Plan, PlannedFile, Proof
from orchestrator.causes.explanation import Explanation
from orchestrator.engines.job import Job
from orchestrator.envs.release import Release
from orchestrator.recipe.faults import Objection
from orchestrator.recipe.schema import Recipe
from orchestrator.rendering.templates import render
from orchestrator.verifying.artifacts import CHECK, wrong

name = "bigram"
row_formats = ("alpaca",)
template_registry = ("string", "ascii_letters")
_HERE = Path(__file__).parent
_TRAINER, _SETTINGS, _WEIGHTS = "trainer.py", "settings.yaml", "weights.json"
explanations = (
    Explanation(
        id="bigram-no-letters",
        pattern="no letters",
        cause=("the rows hold no text", "数据中没有文字"),
        fix=("look at data/train.jsonl", "请查看 data/train.jsonl"),
        sample="ValueError: no letters",
        source="bigram/probes/trainer.py",
    ),
)
releases = (
    Release(
        engine=name,
        version="1",
        python="3.11",
        lock=_HERE / "locks" / "bigram-1-py311.txt",
        imports=("yaml",),
        command="python",
    ),
)


def unsupported(recipe: Recipe, release: Release) -> Sequence[Objection]:
    """It trains every weight it has, and nothing but texts."""
    found = []
    if recipe.train.method != "full":
        why = f"{release.name} has no adapters"
        found.append(Objection("train.method", "it cannot train so", why, "full"))
    if recipe.train.stage != "sft":
        found.append(Objection("train.stage", "it has one kind of training", meant="sft"))
    return found


def template(recipe: Recipe) -> str:
    """It has none of its own: any name is taken as it stands."""
    return recipe.model.template


def row_columns(_recipe: Recipe) -> Mapping[str, Any] | None:
    """Rows may have any keys."""
    return None


def turn_fields(_release: Release) -> tuple[str, ...]:
    """A role and a text."""
    return ()


def notes(_recipe: Recipe) -> tuple[str, ...]:
    return ()


def rehearse(recipe: Recipe) -> tuple[Recipe, tuple[str, ...]]:
    """It is quick enough as it is."""
    return recipe, ()


def stages(_recipe: Recipe) -> tuple[str, ...]:
    return ("train",)


def files(job: Job) -> tuple[PlannedFile, ...]:
    """Its settings, and the engine itself: it is no package."""
    settings = render(f"{name}/settings.yaml.jinja", job=job, out=layout.WORK)
    trainer = (_HERE / "probes" / _TRAINER).read_text(encoding="utf-8")
    return (PlannedFile(path=_SETTINGS, text=settings), PlannedFile(path=_TRAINER, text=trainer))


def plan(stage: str, job: Job) -> Plan:
    """The plan of ``check`` or ``train``: one script does both."""
    made, proof = {"check": (layout.CHECK, CHECK), "train": (layout.WORK, TRAINED)}[stage]
    more = job.passthrough.get(stage, ())
    reads = (_SETTINGS, _TRAINER, *([job.train_file] if job.train_file else []))
    resumed = [f"--from={job.resume_from}"] if job.resume_from else []
    argv = ("python", _TRAINER, stage, _SETTINGS, *resumed, *more)
    command = Command(argv=argv, by_hand=stage != "check")
    return Plan(
        stage=stage,
        commands=(command,),
        artifacts=(Artifact(path=made, proof=proof),),
        inputs=reads,
        outputs=(made,),
        resumes=stage == "train",
    )


def _check_trained(path: Path, _base: Path | None) -> Facts:
    """Weights that were written whole, with a loss that is a number."""
    try:
        weights = json.loads((path / _WEIGHTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise wrong("the training left no weights", path, str(error)) from error
    if not math.isfinite(weights["loss"]):
        raise wrong("the training diverged", path, f"its loss is {weights['loss']}")
    return {"loss": round(weights["loss"], 4), "letters": len(weights["letters"])}


TRAINED = Proof(name="bigram weights", check=_check_trained, marker=_WEIGHTS)


def newest_checkpoint(root: Path) -> Path | None:
    """The weights of the last whole pass over the rows."""
    path = root / layout.WORK / "checkpoint.json"
    return path if path.is_file() else None


def crashed(_log: str) -> bool:
    """Its exit code tells the truth."""
    return False
