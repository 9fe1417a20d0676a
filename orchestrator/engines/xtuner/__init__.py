"""XTuner: a config file in Python, `xtuner train`, `convert pth_to_hf`, `convert merge`, `chat`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.base.errors import UsageError
from orchestrator.base.plan import Artifact, Command, Plan, PlannedFile
from orchestrator.engines import Context
from orchestrator.engines.xtuner import commands
from orchestrator.engines.xtuner.config import has_train_loop, render_config
from orchestrator.engines.xtuner.failures import EXPLANATIONS
from orchestrator.engines.xtuner.rehearse import rehearse as rehearse
from orchestrator.engines.xtuner.settings import template_name as template
from orchestrator.envs.release import Release
from orchestrator.probes import reload_tokenizer
from orchestrator.recipe.schema import Recipe
from orchestrator.verifying.artifacts import whole_checkpoint
from orchestrator.verifying.explain import explain as _explain

name = "xtuner"
row_format = "conversation"
template_registry = ("xtuner.utils", "PROMPT_TEMPLATE")
_HERE = Path(__file__).parent
_TOOLS = (
    "xtuner.tools.train",
    "xtuner.tools.chat",
    "xtuner.tools.model_converters.pth_to_hf",
    "xtuner.tools.model_converters.merge",
)


def _release(version: str, standins: Mapping[str, str]) -> Release:
    return Release(
        engine=name,
        version=version,
        python="3.11",
        lock=_HERE / "locks" / f"xtuner-{version}-py311.txt",
        imports=_TOOLS,
        command="xtuner",
        standins=standins,
    )


releases = (
    _release("0.2.0", {"glm": "llama", "glm4": "llama", "qwen3": "qwen2"}),
    # Its patched Llama attention does not fit transformers 4.34; GPT-NeoX is left alone.
    _release("0.1.9", {"*": "gpt_neox"}),
)


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
    options = json.dumps(sorted(recipe.engine_options))
    flags = [str(int(flag)) for flag in (context.rehearsal, recipe.train.deepspeed is not None)]
    probe = str(_HERE / "probes" / "check.py")
    command = Command(
        argv=("python", probe, "config.py", "check.json", options, *flags), by_hand=False
    )
    return Plan(
        stage="check",
        commands=(_with_bridge(command, context),),
        artifacts=(Artifact(path="check.json", kind="check"),),
        inputs=("config.py", *_reads(context)),
        outputs=("check.json",),
    )


def _reads(context: Context) -> tuple[str, ...]:
    """What training reads beside its config: the model, and rows that are on this disk."""
    return (context.model,) if context.dataset else (context.model, context.train_file)


def _train(recipe: Recipe, context: Context) -> Plan:
    return Plan(
        stage="train",
        commands=(_with_bridge(commands.train(recipe, context), context),),
        artifacts=(Artifact(path=context.work, kind="checkpoint"),),
        inputs=("config.py", *_reads(context)),
        outputs=(context.work,),
    )


def _convert(recipe: Recipe, context: Context) -> Plan:
    full = recipe.train.method == "full"
    target = context.merged if full else context.adapter
    reload = (reload_tokenizer(target),) if full else ()
    return Plan(
        stage="convert",
        commands=(_with_bridge(commands.convert(recipe, context), context), *reload),
        artifacts=(Artifact(path=target, kind="model" if full else "adapter"),),
        inputs=("config.py", context.work),
        outputs=(target,),
    )


def _merge(recipe: Recipe, context: Context) -> Plan:
    return Plan(
        stage="merge",
        commands=(
            _with_bridge(commands.merge(recipe, context), context),
            reload_tokenizer(context.merged),
        ),
        artifacts=(Artifact(path=context.merged, kind="model"),),
        inputs=(context.model, context.adapter),
        outputs=(context.merged,),
    )


def chat(recipe: Recipe, context: Context, options: Mapping[str, Any]) -> Command:
    """``xtuner chat`` with the template of the training."""
    return _with_bridge(commands.chat(recipe, context, options), context)


def serve(recipe: Recipe, context: Context, options: Mapping[str, Any]) -> Command:
    """XTuner has no server."""
    raise UsageError(
        "XTuner cannot serve a model over HTTP.",
        fix="talk to it with `recipe chat`, or give the merged folder to a server of your choice",
    )


def newest_checkpoint(root: Path) -> Path | None:
    """What ``work/last_checkpoint`` names, when it is whole."""
    return whole_checkpoint(root / "work")


def row_columns(_recipe: Recipe) -> None:
    """A conversation's keys are the same in every row already."""


def notes(recipe: Recipe) -> tuple[str, ...]:
    """A key without equivalent is refused here, so only a translated template is left to say."""
    own = template(recipe)
    given = recipe.model.template
    return () if own == given else (f"model.template {given} is called {own} here",)


def explain(log: str) -> tuple[str, str] | None:
    """The cause and the fix of a failure, from XTuner's log."""
    return _explain(log, EXPLANATIONS)


def crashed(log: str) -> bool:
    """XTuner's command turns an import error into a help text, and ends with 0 after a traceback.

    A traceback counts only when nothing but its own end follows: a library may print one and go on.
    """
    if "command error" in log:
        return True
    _, found, after = log.rpartition("Traceback (most recent call last):")
    return bool(found) and "All done!" not in after and not _goes_on(after)


def _goes_on(after: str) -> bool:
    """Whether training went on after a traceback: mmengine logs its steps with a time stamp."""
    return " - mmengine - INFO - " in after
