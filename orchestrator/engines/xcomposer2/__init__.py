"""InternLM-XComposer2: the authors' finetune.py on pictures and texts, whole model or LoRA."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.base import layout
from orchestrator.base.plan import Artifact, Plan
from orchestrator.engines.checkpoints import newest_checkpoint as _newest
from orchestrator.engines.job import Job
from orchestrator.engines.progress import Learning
from orchestrator.engines.trainer_progress import history
from orchestrator.engines.trainer_progress import progress as progress
from orchestrator.engines.upstream import commands
from orchestrator.engines.xcomposer2 import proofs, settings
from orchestrator.engines.xcomposer2.data_list import arrange_rows as arrange_rows
from orchestrator.engines.xcomposer2.failures import FAILURES
from orchestrator.engines.xcomposer2.files import MERGE_SH
from orchestrator.engines.xcomposer2.files import files as files
from orchestrator.engines.xcomposer2.model_code import TABLE
from orchestrator.engines.xcomposer2.notes import notes as notes
from orchestrator.engines.xcomposer2.rehearse import rehearse as rehearse
from orchestrator.engines.xcomposer2.unsupported import unsupported as unsupported
from orchestrator.engines.xcomposer2.vision import BringVision
from orchestrator.envs.release import Checkout, Release
from orchestrator.probes import reload_tokenizer
from orchestrator.recipe.schema import Recipe
from orchestrator.verifying.artifacts import CHECK

name = "xcomposer2"
explanations = FAILURES
own_code = TABLE
row_formats = ("xcomposer",)
#: The marks stand in data_mix.py; there is no registry of templates.
template_registry = ("data_mix", "conv2text")
_HERE = Path(__file__).parent
releases = (
    Release(
        engine=name,
        version="0f70c3e",
        python="3.11",
        lock=_HERE / "locks" / "xcomposer2-0f70c3e-py311.txt",
        imports=("finetune", "sentencepiece", "timm"),
        command="torchrun",
        checkouts=(
            Checkout(
                name="InternLM-XComposer",
                url="https://github.com/InternLM/InternLM-XComposer",
                commit="0f70c3e3911189de1869396b4017714c31821e3a",
                folder=settings.FOLDER,
            ),
        ),
        native_standins=False,
    ),
)


def template(recipe: Recipe) -> str:
    """It has none of its own: data_mix.py writes the marks."""
    return recipe.model.template


def row_columns(_recipe: Recipe) -> Mapping[str, Any] | None:
    """None: a row without pictures must have no such key, by which the script tells them apart."""
    return None


def turn_fields(_release: Release) -> tuple[str, ...]:
    """Nothing: data_mix.py takes a speaker and a text."""
    return ()


def stages(recipe: Recipe) -> tuple[str, ...]:
    """train; and merge, where an adapter is to become a model of its own."""
    return ("train", "merge") if _merges(recipe) else ("train",)


def _merges(recipe: Recipe) -> bool:
    return settings.is_lora(recipe) and recipe.export.merge


def plan(stage: str, job: Job) -> Plan:
    """The plan of ``check``, ``train`` or ``merge``."""
    return {"check": _check, "train": _train, "merge": _merge}[stage](job)


def _reads(job: Job) -> tuple[str, ...]:
    config = settings.deepspeed_file(job.recipe)
    model = () if job.standin == "contract" else (job.model,)
    return (commands.TRAIN_SH, *([config] if config else []), *model, settings.LIST, layout.TRAIN)


def _check(job: Job) -> Plan:
    request = {
        "model": None if job.standin == "contract" else job.model,
        "vision": settings.VISION,
        "gpus": settings.gpus(job.recipe),
        "rehearsal": job.rehearsal,
    }
    probe = commands.probe(
        job, _HERE / "probes" / "check.py", layout.CHECK, json.dumps(request, sort_keys=True)
    )
    return Plan(
        stage="check",
        task=None if job.rehearsal else BringVision(job.recipe.model, job.model_name),
        commands=(probe,),
        artifacts=(Artifact(path=layout.CHECK, proof=CHECK),),
        inputs=_reads(job),
        outputs=(layout.CHECK,),
    )


def _train(job: Job) -> Plan:
    made, lora = settings.output(job.recipe), settings.is_lora(job.recipe)
    # An adapter is used with the tokenizer of its base model; a whole model has this one alone.
    reload = () if lora else (reload_tokenizer(made, job.recipe.model),)
    return Plan(
        stage="train",
        resumes=True,
        commands=(commands.train(job), *reload),
        artifacts=(Artifact(path=made, proof=proofs.LORA if lora else proofs.WHOLE),),
        inputs=_reads(job),
        outputs=(made,),
    )


def _merge(job: Job) -> Plan:
    """The tutorial's merge_peft_adapter.py, and one module of the result against its parts."""
    more = job.passthrough.get("merge", ())
    compare = _HERE / "probes" / "compare.py"
    return Plan(
        stage="merge",
        commands=(
            commands.command(job, "bash", MERGE_SH, *more),
            reload_tokenizer(layout.MERGED, job.recipe.model),
            commands.probe(job, compare, job.model, layout.ADAPTER, layout.MERGED),
        ),
        artifacts=(Artifact(path=layout.MERGED, proof=proofs.MERGED),),
        inputs=(MERGE_SH, job.model, layout.ADAPTER),
        outputs=(layout.MERGED,),
    )


def own_standin(job: Job, plan: Plan) -> Plan:
    """Its code has widths as numbers and loads a vision tower by name: both are made small."""
    maker = _HERE / "probes" / "make_standin.py"
    command = commands.probe(job, maker, job.model, settings.VISION)
    return replace(plan, commands=(command,), outputs=(*plan.outputs, settings.VISION))


def learning(root: Path) -> Learning:
    """From the Trainer's history in the output folder; no prompts are asked meanwhile."""
    found = (history(root / folder) for folder in settings.OUTPUT.values())
    return next((one for one in found if one.steps), Learning())


def newest_checkpoint(root: Path) -> Path | None:
    """What a training that was cut off can go on from."""
    found = (_newest(root / folder) for folder in settings.OUTPUT.values())
    return next((one for one in found if one is not None), None)


def crashed(log: str) -> bool:
    """torchrun passes the script's exit code on, and nothing is piped."""
    return "ChildFailedError" in log
