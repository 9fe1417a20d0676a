"""LLaMA-Factory: YAML files, `llamafactory-cli train`, `export`, `chat`, `webchat`, `api`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.base import layout
from orchestrator.base.plan import Artifact, Command, Plan
from orchestrator.engines.job import Job
from orchestrator.engines.llamafactory import capabilities as can
from orchestrator.engines.llamafactory import (
    checkpoints,
    commands,
    deepspeed,
    restored_tokenizer,
    settings,
    talking,
)
from orchestrator.engines.llamafactory.dataset import ROW_FORMATS
from orchestrator.engines.llamafactory.dataset import row_columns as row_columns
from orchestrator.engines.llamafactory.dataset_info import register_rows as register_rows
from orchestrator.engines.llamafactory.failures import FAILURES
from orchestrator.engines.llamafactory.files import files as files
from orchestrator.engines.llamafactory.memory import memory as memory
from orchestrator.engines.llamafactory.model_code import TABLE
from orchestrator.engines.llamafactory.notes import notes as notes
from orchestrator.engines.llamafactory.progress import learning as learning
from orchestrator.engines.llamafactory.progress import progress as progress
from orchestrator.engines.llamafactory.rehearse import rehearse as rehearse
from orchestrator.engines.llamafactory.template_names import template as template
from orchestrator.engines.llamafactory.unsupported import unsupported as unsupported
from orchestrator.engines.protocol import Glance
from orchestrator.envs.release import Release
from orchestrator.probes import reload_tokenizer
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.trust import trusts_remote_code
from orchestrator.verifying.artifacts import ADAPTER, CHECK, MODEL

name = "llamafactory"
row_formats = ROW_FORMATS
own_code = TABLE
template_registry = ("llamafactory.data.template", "TEMPLATES")
_HERE = Path(__file__).parent
_CHECK = _HERE / "probes" / "check.py"
_PEEK = _HERE / "probes" / "peek.py"
_COMPARE = _HERE / "probes" / "compare.py"
_ANSWER = _HERE / "probes" / "answer.py"
_TOOLS = (
    "llamafactory.cli",
    "llamafactory.launcher",
    "llamafactory.hparams.parser",
    "llamafactory.train.tuner",
    "llamafactory.api.app",
    "llamafactory.chat.chat_model",
)
#: With what they import only when they run.
_PRELOAD = (
    "llamafactory.launcher",
    "llamafactory.train.tuner",
    "bitsandbytes",
    "deepspeed",
    "peft",
    "transformers.models.llama.modeling_llama",
    "transformers.models.qwen2.modeling_qwen2",
    "transformers.models.qwen3.modeling_qwen3",
    "transformers.models.glm4.modeling_glm4",
)


def _release(version: str, standins: Mapping[str, str] | None = None) -> Release:
    return Release(
        engine=name,
        version=version,
        python="3.11",
        lock=_HERE / "locks" / f"llamafactory-{version}-py311.txt",
        imports=_TOOLS,
        preload=_PRELOAD,
        command=commands.PROGRAM,
        capabilities=can.OF[version],
        standins=standins or {},
    )


releases = (
    _release("0.9.5"),
    # The EmoLLM page's own time. Its transformers has neither GLM nor Qwen3 itself.
    _release("0.8.3", {"glm": "llama", "glm4": "llama", "qwen3": "qwen2"}),
)
#: What its logs say when it fails.
explanations = FAILURES


def turn_fields(_release: Release) -> tuple[str, ...]:
    """Nothing: its converter takes a role and a text (llamafactory/data/converter.py)."""
    return ()


def stages(recipe: Recipe) -> tuple[str, ...]:
    """train, and export when a model of its own is wanted."""
    return ("train", "export") if recipe.export.merge else ("train",)


def plan(stage: str, job: Job) -> Plan:
    """The plan of ``check``, ``train`` or ``export``."""
    return {"check": _check, "train": _train, "export": _export}[stage](job)


def _reads(job: Job) -> tuple[str, ...]:
    """What training reads: its files, the model, and rows that are on this disk."""
    whole = not settings.is_adapter(job.recipe)
    own = ["train.yaml", "dataset_info.json", *(restored_tokenizer.paths(job) if whole else ())]
    if job.recipe.train.deepspeed:
        own.append(deepspeed.path(job.recipe.train.deepspeed))
    rows = (job.train_file,) if job.train_file else ()
    return (*own, job.model, *rows)


def _check_request(job: Job) -> str:
    request = {
        "export": job.recipe.export.merge,
        "rehearsal": job.rehearsal,
        "torchrun": commands.uses_torchrun(job),
        "trusted": trusts_remote_code(job.recipe.model),
        "runs_code_unasked": can.runs_code_unasked(job.release),
        "rank_variable": "NODE_RANK" if can.NODE_RANK in job.release.capabilities else "RANK",
    }
    return json.dumps(request, sort_keys=True)


def _on_its_gpus(job: Job) -> dict[str, str]:
    """Optimizer steps are counted with the run's own number of processes."""
    gpus = job.recipe.train.gpus
    return {"NPROC_PER_NODE": str(gpus)} if gpus else {}


def _check(job: Job) -> Plan:
    words = ("python", str(_CHECK), "check.json", _check_request(job))
    command = commands.command(job, *words, env=_on_its_gpus(job), by_hand=False)
    inputs = (*_reads(job), *(["export.yaml"] if job.recipe.export.merge else []))
    return Plan(
        stage="check",
        commands=(command,),
        artifacts=(Artifact(path="check.json", proof=CHECK),),
        inputs=inputs,
        outputs=("check.json",),
    )


def peek(job: Job, glance: Glance) -> Plan:
    """``probes/peek.py``, without a GPU: no weights are loaded, not even by its chat."""
    chat = {"model_name_or_path": job.model}
    if glance.system:
        chat["default_system"] = glance.system
    request = {"rows": glance.rows, "sequence": glance.sequence, "chat": chat}
    words = ("python", str(_PEEK), "peek.json", _check_request(job), json.dumps(request))
    # What is built of rows in a folder that is thrown away is thrown away with it.
    env = {**_on_its_gpus(job), "CUDA_VISIBLE_DEVICES": "", "HF_DATASETS_CACHE": "cache"}
    command = commands.command(job, *words, env=env, by_hand=False)
    return Plan(stage="peek", commands=(command,), outputs=("peek.json",))


def _train(job: Job) -> Plan:
    folder = settings.output_dir(job)
    adapter = settings.is_adapter(job.recipe)
    made = Artifact(path=folder, proof=ADAPTER if adapter else MODEL)
    restored = () if adapter else restored_tokenizer.commands(job, folder)
    return Plan(
        stage="train",
        resumes=True,
        commands=(commands.train(job), *restored),
        artifacts=(Artifact(path=folder, proof=checkpoints.TRAINING), made),
        inputs=_reads(job),
        outputs=(folder,),
    )


def _export(job: Job) -> Plan:
    own_code = trusts_remote_code(job.recipe.model)
    words = ("python", str(_COMPARE), "export.yaml", str(int(job.rehearsal)), str(int(own_code)))
    compare = commands.command(job, *words, by_hand=False)
    trained = settings.output_dir(job)
    inputs = (job.model, trained) if settings.is_adapter(job.recipe) else (trained,)
    return Plan(
        stage="export",
        commands=(
            commands.export(job),
            *restored_tokenizer.commands(job, layout.MERGED),
            reload_tokenizer(layout.MERGED, job.recipe.model),
            compare,
        ),
        artifacts=(Artifact(path=layout.MERGED, proof=MODEL),),
        inputs=("export.yaml", *restored_tokenizer.paths(job), *inputs),
        outputs=(layout.MERGED,),
    )


def chat(job: Job, options: Mapping[str, Any]) -> Command:
    """``llamafactory-cli chat`` (or ``webchat``) with the template of the training."""
    return talking.chat(job, options)


def serve(job: Job, options: Mapping[str, Any]) -> Command:
    """``llamafactory-cli api``: an OpenAI-compatible server."""
    return talking.serve(job, options)


def compare(job: Job, request: str, result: str) -> Command:
    """The answers of base, adapter and merged model to what ``request`` asks."""
    return commands.command(job, "python", str(_ANSWER), request, result, by_hand=False)


def newest_checkpoint(root: Path) -> Path | None:
    """What a training that was cut off can go on from."""
    found = [checkpoints.newest_checkpoint(root / one) for one in ("adapter", "work")]
    return next((one for one in found if one is not None), None)


def crashed(log: str) -> bool:
    """An unknown command prints a help text and ends with 0; every other failure has its code."""
    return "Unknown command: " in log


#: Keys of its YAML files that no recipe has at the top.
_MARKS = frozenset(
    {
        *("adapter_name_or_path", "cutoff_len", "dataset", "dataset_dir", "do_train"),
        *("eval_dataset", "export_dir", "export_size", "finetuning_type", "infer_backend"),
        *("lora_rank", "lora_target", "model_name_or_path", "num_train_epochs", "output_dir"),
        *("per_device_train_batch_size", "preprocessing_num_workers", "stage", "template"),
    }
)


def recognises(values: Mapping[str, object]) -> str | None:
    """Whether these are the keys of one of LLaMA-Factory's own files."""
    if len(_MARKS & values.keys()) >= 2:
        return "a configuration of LLaMA-Factory"
    entries = [value for value in values.values() if isinstance(value, Mapping)]
    sources = {"file_name", "hf_hub_url", "ms_hub_url", "script_url", "om_hub_url"}
    if entries and all(sources & entry.keys() for entry in entries):
        return "a dataset_info.json of LLaMA-Factory"
    return None
