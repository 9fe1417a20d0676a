"""LLaMA-Factory: YAML files, `llamafactory-cli train`, `export`, `chat`, `webchat`, `api`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.base.plan import Artifact, Command, Plan
from orchestrator.engines import Context
from orchestrator.engines.llamafactory import checkpoints, commands, settings, talking
from orchestrator.engines.llamafactory.dataset import row_columns as row_columns
from orchestrator.engines.llamafactory.failures import EXPLANATIONS
from orchestrator.engines.llamafactory.files import files as files
from orchestrator.engines.llamafactory.notes import notes as notes
from orchestrator.engines.llamafactory.rehearse import rehearse as rehearse
from orchestrator.engines.llamafactory.template_names import template as template
from orchestrator.envs.release import Release
from orchestrator.probes import reload_tokenizer
from orchestrator.recipe.schema import Recipe
from orchestrator.verifying.explain import explain as _explain

name = "llamafactory"
row_format = "alpaca"
template_registry = ("llamafactory.data.template", "TEMPLATES")
releases = (
    Release(
        engine=name,
        version="0.9.5",
        python="3.11",
        lock=Path(__file__).parent / "locks" / "llamafactory-0.9.5-py311.txt",
        imports=(
            "llamafactory.cli",
            "llamafactory.launcher",
            "llamafactory.hparams.parser",
            "llamafactory.train.tuner",
            "llamafactory.api.app",
            "llamafactory.chat.chat_model",
        ),
        command=commands.PROGRAM,
    ),
)
_CHECK = Path(__file__).parent / "probes" / "check.py"
_COMPARE = Path(__file__).parent / "probes" / "compare.py"


def stages(recipe: Recipe) -> tuple[str, ...]:
    """train, and export when a model of its own is wanted."""
    return ("train", "export") if recipe.export.merge else ("train",)


def plan(stage: str, recipe: Recipe, context: Context) -> Plan:
    """The plan of ``check``, ``train`` or ``export``."""
    return {"check": _check, "train": _train, "export": _export}[stage](recipe, context)


def _reads(recipe: Recipe, context: Context) -> tuple[str, ...]:
    """What training reads: its files, the model, and rows that are on this disk."""
    own = ["train.yaml", "dataset_info.json"]
    if recipe.train.deepspeed:
        own.append(f"deepspeed/{recipe.train.deepspeed}.json")
    rows = () if context.dataset else (context.train_file,)
    return (*own, context.model, *rows)


def _check(recipe: Recipe, context: Context) -> Plan:
    request = {
        "export": recipe.export.merge,
        "rehearsal": context.rehearsal,
        "torchrun": commands.uses_torchrun(recipe, context),
    }
    command = Command(
        argv=("python", str(_CHECK), "check.json", json.dumps(request, sort_keys=True)),
        env=commands.environment(context),
        by_hand=False,
    )
    inputs = (*_reads(recipe, context), *(["export.yaml"] if recipe.export.merge else []))
    return Plan(
        stage="check",
        commands=(command,),
        artifacts=(Artifact(path="check.json", kind="check"),),
        inputs=inputs,
        outputs=("check.json",),
    )


def _train(recipe: Recipe, context: Context) -> Plan:
    folder = settings.output_dir(recipe, context)
    made = Artifact(path=folder, kind="adapter" if settings.is_adapter(recipe) else "model")
    return Plan(
        stage="train",
        commands=(commands.train(recipe, context),),
        artifacts=(Artifact(path=folder, kind="training"), made),
        inputs=_reads(recipe, context),
        outputs=(folder,),
    )


def _export(recipe: Recipe, context: Context) -> Plan:
    compare = Command(
        argv=("python", str(_COMPARE), "export.yaml", str(int(context.rehearsal))),
        env=commands.environment(context),
        by_hand=False,
    )
    trained = settings.output_dir(recipe, context)
    inputs = (context.model, trained) if settings.is_adapter(recipe) else (trained,)
    return Plan(
        stage="export",
        commands=(commands.export(recipe, context), reload_tokenizer(context.merged), compare),
        artifacts=(Artifact(path=context.merged, kind="model"),),
        inputs=("export.yaml", *inputs),
        outputs=(context.merged,),
    )


def chat(recipe: Recipe, context: Context, options: Mapping[str, Any]) -> Command:
    """``llamafactory-cli chat`` (or ``webchat``) with the template of the training."""
    return talking.chat(recipe, context, options)


def serve(recipe: Recipe, context: Context, options: Mapping[str, Any]) -> Command:
    """``llamafactory-cli api``: an OpenAI-compatible server."""
    return talking.serve(recipe, context, options)


def newest_checkpoint(root: Path) -> Path | None:
    """What a training that was cut off can go on from."""
    found = [checkpoints.newest_checkpoint(root / one) for one in ("adapter", "work")]
    return next((one for one in found if one is not None), None)


def explain(log: str) -> tuple[str, str] | None:
    """The cause and the fix of a failure, from the engine's log."""
    return _explain(log, EXPLANATIONS)


def crashed(log: str) -> bool:
    """An unknown command prints a help text and ends with 0; every other failure has its code."""
    return "Unknown command: " in log
