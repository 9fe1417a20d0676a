"""ChatGLM3: the model authors' finetune_chatmodel_demo, whole model or P-Tuning v2."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.base import layout
from orchestrator.base.plan import Artifact, Command, Plan
from orchestrator.engines.chatglm3 import proofs, settings, talking
from orchestrator.engines.chatglm3.failures import FAILURES
from orchestrator.engines.chatglm3.files import files as files
from orchestrator.engines.chatglm3.memory import memory as memory
from orchestrator.engines.chatglm3.model_code import TABLE
from orchestrator.engines.chatglm3.notes import notes as notes
from orchestrator.engines.chatglm3.rehearse import rehearse as rehearse
from orchestrator.engines.chatglm3.unsupported import unsupported as unsupported
from orchestrator.engines.checkpoints import newest_checkpoint as _newest
from orchestrator.engines.job import Job
from orchestrator.engines.trainer_progress import progress as progress
from orchestrator.engines.upstream import commands
from orchestrator.engines.upstream.training import learning as learning
from orchestrator.envs.release import PTUNING, Checkout, Release
from orchestrator.recipe.schema import Recipe
from orchestrator.verifying.artifacts import CHECK

name = "chatglm3"
page = "the composite demo"
explanations = FAILURES
own_code = TABLE
row_formats = tuple(settings.TRAIN_FORMATS)
#: The marks stand in the tokenizer's own code; there is no registry of templates.
template_registry = ("preprocess_utils", "TOOL_DEFINITION_PREFIX")
releases = (
    Release(
        engine=name,
        version="9acc547",
        python="3.11",
        lock=Path(__file__).parent / "locks" / "chatglm3-9acc547-py311.txt",
        imports=("finetune", "deepspeed", "streamlit"),
        command="torchrun",
        checkouts=(
            Checkout(
                name="ChatGLM3",
                url="https://github.com/THUDM/ChatGLM3",
                commit="9acc547612890c5fbb0a0220b8f7bdd772677326",
                folder="finetune_chatmodel_demo",
                also=("composite_demo",),
            ),
        ),
        capabilities=frozenset({PTUNING}),
        native_standins=False,  # the script trains ChatGLM3 alone, whose code no transformers has
    ),
)
_CHECK = Path(__file__).parent / "probes" / "check.py"


def template(recipe: Recipe) -> str:
    """It has none of its own: the tokenizer's code writes the marks."""
    return recipe.model.template


def row_columns(_recipe: Recipe) -> Mapping[str, Any] | None:
    """None: a row without tools must have no such key, or the script adds a system turn."""
    return None


def turn_fields(_release: Release) -> tuple[str, ...]:
    """What preprocess_utils.py reads of a turn beside role and content."""
    return ("loss",)


def row_steps(recipe: Recipe) -> Mapping[str, Any]:
    """Conversations whose turns stand in an order that the model was trained on."""
    return {"order": "conversation"} if settings.row_format(recipe) == "chatglm3" else {}


def stages(_recipe: Recipe) -> tuple[str, ...]:
    """Training alone: a prefix is loaded beside its base, a whole model is its own."""
    return ("train",)


def plan(stage: str, job: Job) -> Plan:
    """The plan of ``check`` or ``train``."""
    return {"check": _check, "train": _train}[stage](job)


def _reads(job: Job) -> tuple[str, ...]:
    rows = (job.train_file,) if job.train_file else ()
    config = settings.deepspeed_file(job.recipe)
    model = () if job.standin == "contract" else (job.model,)
    return (commands.TRAIN_SH, *([config] if config else []), *model, *rows)


def _check(job: Job) -> Plan:
    recipe = job.recipe
    request = {
        "method": recipe.train.method,
        "format": settings.TRAIN_FORMATS[settings.row_format(recipe)],
        "model": job.model,
        "gpus": recipe.train.gpus or 1,
        "rehearsal": job.rehearsal,
    }
    words = (layout.CHECK, json.dumps(request, sort_keys=True))
    return Plan(
        stage="check",
        commands=(commands.probe(job, _CHECK, *words),),
        artifacts=(Artifact(path=layout.CHECK, proof=CHECK),),
        inputs=_reads(job),
        outputs=(layout.CHECK,),
    )


def _train(job: Job) -> Plan:
    made = proofs.PREFIX_ENCODER if settings.is_ptuning(job.recipe) else proofs.WHOLE
    return Plan(
        stage="train",
        resumes=True,
        commands=(commands.train(job),),
        artifacts=(Artifact(path=layout.WORK, proof=made),),
        inputs=_reads(job),
        outputs=(layout.WORK,),
    )


def chat(job: Job, options: Mapping[str, Any]) -> Command:
    """The tutorial's inference.py."""
    return talking.chat(job, options)


def serve(job: Job, options: Mapping[str, Any]) -> Command:
    """The tutorial's composite demo."""
    return talking.serve(job, options)


def newest_checkpoint(root: Path) -> Path | None:
    """What a training that was cut off can go on from."""
    return _newest(root / layout.WORK)


def crashed(log: str) -> bool:
    """torchrun passes the script's exit code on, and nothing is piped."""
    return "ChildFailedError" in log
