"""XTuner: a config file in Python, `xtuner train`, `convert pth_to_hf`, `convert merge`, `chat`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.engines import Context, Release
from orchestrator.engines.xtuner import commands
from orchestrator.engines.xtuner.config import has_train_loop, render_config
from orchestrator.engines.xtuner.failures import EXPLANATIONS
from orchestrator.engines.xtuner.rehearse import rehearse as rehearse
from orchestrator.explain import explain as _explain
from orchestrator.plan import Artifact, Command, Plan, PlannedFile
from orchestrator.recipe.schema import Recipe

name = "xtuner"
_HERE = Path(__file__).parent
_TOOLS = (
    "xtuner.tools.train",
    "xtuner.tools.chat",
    "xtuner.tools.model_converters.pth_to_hf",
    "xtuner.tools.model_converters.merge",
)


def _release(version: str) -> Release:
    return Release(engine=name, version=version, python="3.11", imports=_TOOLS, command="xtuner")


releases = (_release("0.2.0"), _release("0.1.9"))


def stages(recipe: Recipe) -> tuple[str, ...]:
    """train, convert and, for an adapter, merge: a full model is whole after converting."""
    merging = recipe.export.merge and recipe.train.method != "full"
    return ("train", "convert", "merge") if merging else ("train", "convert")


def files(recipe: Recipe, context: Context) -> tuple[PlannedFile, ...]:
    """``config.py``, and in a CPU rehearsal of 0.2.0 the bridge that it needs."""
    config = PlannedFile(path="config.py", text=render_config(recipe, context))
    if not _bridged(context):
        return (config,)
    bridge = (_HERE / "shim" / "sitecustomize.py").read_text(encoding="utf-8")
    return (config, PlannedFile(path="shim/sitecustomize.py", text=bridge))


def _bridged(context: Context) -> bool:
    return context.rehearsal and has_train_loop(context.release.version)


def _with_bridge(command: Command, context: Context) -> Command:
    if not _bridged(context):
        return command
    return command.with_env({"PYTHONPATH": "shim"})


def plan(stage: str, recipe: Recipe, context: Context) -> Plan:
    """The plan of ``check``, ``train``, ``convert`` or ``merge``."""
    return {"check": _check, "train": _train, "convert": _convert, "merge": _merge}[stage](
        recipe, context
    )


def _check(recipe: Recipe, context: Context) -> Plan:
    command = Command(
        argv=("python", str(_HERE / "probes" / "check.py"), "config.py", "check.json"),
        by_hand=False,
    )
    return Plan(
        stage="check",
        commands=(_with_bridge(command, context),),
        artifacts=(Artifact(path="check.json", kind="check"),),
        outputs=("check.json",),
        facts={"engine_options": sorted(recipe.engine_options), "rehearsal": context.rehearsal},
    )


def _train(recipe: Recipe, context: Context) -> Plan:
    return Plan(
        stage="train",
        commands=(_with_bridge(commands.train(recipe, context), context),),
        artifacts=(Artifact(path=context.work, kind="checkpoint"),),
        outputs=(context.work,),
    )


def _convert(recipe: Recipe, context: Context) -> Plan:
    full = recipe.train.method == "full"
    target = context.merged if full else context.adapter
    return Plan(
        stage="convert",
        commands=(_with_bridge(commands.convert(recipe, context), context),),
        artifacts=(Artifact(path=target, kind="model" if full else "adapter"),),
        outputs=(target,),
    )


def _merge(recipe: Recipe, context: Context) -> Plan:
    return Plan(
        stage="merge",
        commands=(_with_bridge(commands.merge(recipe, context), context),),
        artifacts=(Artifact(path=context.merged, kind="model"),),
        outputs=(context.merged,),
    )


def chat(recipe: Recipe, context: Context, options: Mapping[str, Any]) -> Command:
    """``xtuner chat`` with the template of the training."""
    return _with_bridge(commands.chat(recipe, context, options), context)


def explain(log: str) -> tuple[str, str] | None:
    """The cause and the fix of a failure, from XTuner's log."""
    return _explain(log, EXPLANATIONS)
