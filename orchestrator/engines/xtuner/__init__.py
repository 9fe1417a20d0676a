"""XTuner: a config file in Python, `xtuner train`, `convert pth_to_hf`, `convert merge`, `chat`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.base import layout
from orchestrator.base.plan import Artifact, Command, Plan, PlannedFile
from orchestrator.engines.job import Job
from orchestrator.engines.protocol import Glance
from orchestrator.engines.xtuner import capabilities as can
from orchestrator.engines.xtuner import commands
from orchestrator.engines.xtuner.checkpoints import CHECKPOINT, whole_checkpoint
from orchestrator.engines.xtuner.config import render_config
from orchestrator.engines.xtuner.failures import FAILURES
from orchestrator.engines.xtuner.memory import memory as memory
from orchestrator.engines.xtuner.model_code import TABLE
from orchestrator.engines.xtuner.progress import learning as learning
from orchestrator.engines.xtuner.progress import progress as progress
from orchestrator.engines.xtuner.rehearse import rehearse as rehearse
from orchestrator.engines.xtuner.template_names import template as template
from orchestrator.engines.xtuner.unsupported import unsupported as unsupported
from orchestrator.envs.release import Release
from orchestrator.probes import reload_tokenizer
from orchestrator.recipe.schema import Recipe
from orchestrator.verifying.artifacts import ADAPTER, CHECK, MODEL

name = "xtuner"
row_formats = ("conversation",)
own_code = TABLE
template_registry = ("xtuner.utils", "PROMPT_TEMPLATE")
_HERE = Path(__file__).parent
_TOOLS = (
    "xtuner.tools.train",
    "xtuner.tools.chat",
    "xtuner.tools.model_converters.pth_to_hf",
    "xtuner.tools.model_converters.merge",
)
#: With what they import only when they run.
_PRELOAD = (
    "xtuner.entry_point",
    *(name for name in _TOOLS if name != "xtuner.tools.chat"),
    "bitsandbytes",
    "peft",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.gpt_neox.modeling_gpt_neox",
    "transformers.models.llama.modeling_llama",
)
#: What its logs say when it fails.
explanations = FAILURES


def _release(
    version: str, standins: Mapping[str, str], capabilities: frozenset[str] = frozenset()
) -> Release:
    return Release(
        engine=name,
        version=version,
        python="3.11",
        lock=_HERE / "locks" / f"xtuner-{version}-py311.txt",
        imports=_TOOLS,
        preload=_PRELOAD,
        # The repository's main branch: another program, whose version.py says 0.2.0 as well.
        others={"xtuner.v1": "XTuner V1"},
        command="xtuner",
        standins=standins,
        capabilities=capabilities,
    )


releases = (
    _release("0.2.0", {"glm": "llama", "glm4": "llama", "qwen3": "qwen2"}, can.SINCE_0_2),
    # Its patched Llama attention does not fit transformers 4.34; GPT-NeoX is left alone.
    _release("0.1.9", {"*": "gpt_neox"}),
)


def stages(recipe: Recipe) -> tuple[str, ...]:
    """train, convert and, for an adapter, merge: a full model is whole after converting."""
    merging = recipe.export.merge and recipe.train.method != "full"
    return ("train", "convert", "merge") if merging else ("train", "convert")


def files(job: Job) -> tuple[PlannedFile, ...]:
    """``config.py``, and in a CPU rehearsal of 0.2.0 the bridge that it needs."""
    config = PlannedFile(path="config.py", text=render_config(job))
    return (config, _bridge()) if _bridged(job) else (config,)


def _bridge() -> PlannedFile:
    text = (_HERE / "shim" / "sitecustomize.py").read_text(encoding="utf-8")
    return PlannedFile(path="shim/sitecustomize.py", text=text)


def _bridged(job: Job) -> bool:
    return job.rehearsal and can.CPU_BRIDGE in job.release.capabilities


def _with_bridge(command: Command, job: Job) -> Command:
    if not _bridged(job):
        return command
    return command.with_env({"PYTHONPATH": "shim"})


def plan(stage: str, job: Job) -> Plan:
    """The plan of ``check``, ``train``, ``convert`` or ``merge``."""
    return {"check": _check, "train": _train, "convert": _convert, "merge": _merge}[stage](job)


def _check(job: Job) -> Plan:
    options = json.dumps(sorted(job.recipe.engine_options))
    flags = [str(int(flag)) for flag in (job.rehearsal, job.recipe.train.deepspeed is not None)]
    probe = str(_HERE / "probes" / "check.py")
    command = Command(
        argv=("python", probe, "config.py", "check.json", options, *flags), by_hand=False
    )
    return Plan(
        stage="check",
        commands=(_with_bridge(_on_its_gpus(command, job), job),),
        artifacts=(Artifact(path="check.json", proof=CHECK),),
        inputs=("config.py", *_reads(job)),
        outputs=("check.json",),
    )


def _on_its_gpus(command: Command, job: Job) -> Command:
    """Optimizer steps are counted with the run's own number of processes."""
    gpus = job.recipe.train.gpus
    return command.with_env({"NPROC_PER_NODE": str(gpus)}) if gpus else command


def _reads(job: Job) -> tuple[str, ...]:
    """What training reads beside its config: the model, and rows that are on this disk."""
    return (job.model, job.train_file) if job.train_file else (job.model,)


def _train(job: Job) -> Plan:
    return Plan(
        stage="train",
        resumes=True,
        commands=(_with_bridge(commands.train(job), job),),
        artifacts=(Artifact(path=layout.WORK, proof=CHECKPOINT),),
        inputs=("config.py", *_reads(job)),
        outputs=(layout.WORK,),
    )


def _convert(job: Job) -> Plan:
    full = job.recipe.train.method == "full"
    target = layout.MERGED if full else layout.ADAPTER
    reload = (reload_tokenizer(target, job.recipe.model),) if full else ()
    return Plan(
        stage="convert",
        commands=(_with_bridge(commands.convert(job), job), *reload),
        artifacts=(Artifact(path=target, proof=MODEL if full else ADAPTER),),
        inputs=("config.py", layout.WORK),
        outputs=(target,),
    )


def _merge(job: Job) -> Plan:
    return Plan(
        stage="merge",
        commands=(
            _with_bridge(commands.merge(job), job),
            reload_tokenizer(layout.MERGED, job.recipe.model),
        ),
        artifacts=(Artifact(path=layout.MERGED, proof=MODEL),),
        inputs=(job.model, layout.ADAPTER),
        outputs=(layout.MERGED,),
    )


def peek(job: Job, glance: Glance) -> Plan:
    """``probes/peek.py``, without a GPU: no weights are loaded, not even by its chat."""
    asked = {"model": job.model, "system": glance.system}
    # The command of a run's chat, whatever a rehearsal's CPU can do.
    words = commands.chat(replace(job, standin=None), asked).argv
    request = {
        "rows": glance.rows,
        "sequence": glance.sequence,
        "rehearsal": job.rehearsal,
        "chat": [str(word) for word in words],
    }
    probe = str(_HERE / "probes" / "peek.py")
    command = Command(
        argv=("python", probe, "config.py", "peek.json", json.dumps(request)),
        # What is built of rows in a folder that is thrown away is thrown away with it.
        env={"CUDA_VISIBLE_DEVICES": "", "HF_DATASETS_CACHE": "cache", "PYTHONPATH": "shim"},
        by_hand=False,
    )
    return Plan(
        stage="peek",
        files=(_bridge(),) if can.CPU_BRIDGE in job.release.capabilities else (),
        commands=(_on_its_gpus(command, job),),
        outputs=("peek.json",),
    )


def chat(job: Job, options: Mapping[str, Any]) -> Command:
    """``xtuner chat`` with the template of the training."""
    return _with_bridge(commands.chat(job, options), job)


def compare(job: Job, request: str, result: str) -> Command:
    """The answers of base, adapter and merged model to what ``request`` asks."""
    argv = ("python", str(_HERE / "probes" / "answer.py"), request, result)
    return _with_bridge(commands.own_script(job, argv), job)


def newest_checkpoint(root: Path) -> Path | None:
    """What ``work/last_checkpoint`` names, when it is whole."""
    return whole_checkpoint(root / "work")


def row_columns(_recipe: Recipe) -> Mapping[str, Any]:
    """A conversation, and nothing beside it."""
    return {"conversation": []}


def turn_fields(release: Release) -> frozenset[str]:
    """The keys of a turn that its `encode_fn` reads (xtuner/dataset/utils.py)."""
    known = can.TURN_SWITCHES in release.capabilities
    return frozenset({"loss", "need_eos_token", "sep"} if known else ())


def notes(recipe: Recipe) -> tuple[str, ...]:
    """A key without equivalent is refused here, so only a translated template is left to say."""
    own = template(recipe)
    given = recipe.model.template
    return () if own == given else (f"model.template {given} is called {own} here",)


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


#: Names that its configs, and mmengine's, assign.
_MARKS = frozenset(
    {
        *("accumulative_counts", "alpaca_en_path", "custom_hooks", "data_path", "default_hooks"),
        *("env_cfg", "evaluation_inputs", "optim_type", "optim_wrapper", "pack_to_max_length"),
        *("param_scheduler", "pretrained_model_name_or_path", "prompt_template", "resume"),
        *("train_cfg", "train_dataloader", "use_varlen_attn", "visualizer"),
    }
)


def recognises(values: Mapping[str, object]) -> str | None:
    """Whether a file that assigns these names is one of XTuner's configs."""
    return "a config of XTuner" if len(_MARKS & values.keys()) >= 2 else None
