"""A run directory as one JSON value: everything that a card, a page or a workbook shows of a run.

It is made from the record and the run's own files, and from nothing else of this machine, so that
whoever has the run directory can compute it again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator import __version__
from orchestrator.base import layout
from orchestrator.base.language import say
from orchestrator.engines import registry
from orchestrator.engines.progress import Learning, Step
from orchestrator.engines.protocol import TellsProgress
from orchestrator.recipe.load import load
from orchestrator.recipe.schema import Recipe
from orchestrator.report.learnt import answers, loss
from orchestrator.report.private import shareable_values
from orchestrator.report.words import figures, warnings_of
from orchestrator.running import record as records
from orchestrator.running.record import RunRecord, StageRecord
from orchestrator.running.request import Request
from orchestrator.running.takeover import was_taken_over

Summary = dict[str, Any]
SCHEMA = 1
#: What a page holds at most: characters of a text, files by name.
TEXT, FILES = 1500, 60


def summary(root: Path) -> Summary:
    """Everything about the run in ``root``; RecipeError when there is none."""
    record = records.read(root)
    recipe = _recipe(root)
    learnt = _learning(record, root)
    value = {
        "schema": SCHEMA,
        "tool": f"recipe {__version__}",
        "rehearsal": is_rehearsal(record, root),
        "standin": record.standin,
        "run": _run(record, recipe),
        "settings": _settings(recipe) if recipe else {},
        "rows": _rows(record),
        "loss": loss(learnt.steps),
        "stages": [_stage(stage) for stage in record.stages],
        "sizes": _sizes(record),
        "memory": _memory(record, learnt.steps),
        "differences": _differences(record),
        "warnings": _warnings(record),
        "versions": {"engine": record.engine, **record.versions},
        "typed": _typed(record),
        "commands": _commands(root),
        "files": _files(record),
    }
    shared: Summary = shareable_values(value)
    # Prose, no names of files: an answer may well begin with a slash.
    return {**shared, "answers": answers(learnt.answers)}


def is_rehearsal(record: RunRecord, root: Path) -> bool:
    """Whether anything about the run says that it was a rehearsal: one mark is enough."""
    return any(marks(record, root).values())


def marks(record: RunRecord, root: Path) -> dict[str, bool | None]:
    """The places that tell a rehearsal from a run; None: this one has nothing to say (yet).

    In an honest run directory none says yes where another says no.
    """
    standin = f"{layout.STANDIN}/"
    used = [
        name for stage in record.stages for name in (*stage.inputs, *stage.outputs, *stage.parts)
    ]
    script = root / layout.COMMANDS
    text = script.read_text(encoding="utf-8", errors="replace") if script.is_file() else ""
    has_standin = any(f"{name.removeprefix('./')}/".startswith(standin) for name in used)
    return {
        say("its record", "运行记录"): record.rehearsal,
        say("what was typed", "输入的命令"): bool(record.request.get("rehearse"))
        if record.request
        else None,
        say("its model", "模型"): has_standin or None,
        say("its commands", "命令脚本"): "THIS IS A REHEARSAL" in text or None,
    }


def _recipe(root: Path) -> Recipe | None:
    """The recipe as it was resolved; None before the run came to write it."""
    lock = root / layout.LOCK
    return load(str(lock), environ={}).recipe if lock.is_file() else None


def _learning(record: RunRecord, root: Path) -> Learning:
    engine = registry.get(registry.release(record.engine).engine)
    return engine.learning(root) if isinstance(engine, TellsProgress) else Learning()


def _run(record: RunRecord, recipe: Recipe | None) -> Summary:
    seconds = [stage.seconds for stage in record.stages if stage.seconds is not None]
    ended = [stage.ended for stage in record.stages if stage.ended]
    return {
        "recipe": record.recipe,
        "title": record.title,
        "source": recipe.source if recipe else None,
        "state": "interrupted" if record.state == "running" else record.state,
        "created": record.created[:19],
        "ended": max(ended)[:19] if ended else None,
        "seconds": round(math.fsum(seconds), 2),
    }


def _settings(recipe: Recipe) -> Summary:
    """What was trained, and the settings that a reader asks for first."""
    train = recipe.train
    return {
        "model": recipe.model.id,
        "hub": recipe.model.hub,
        "revision": recipe.model.revision,
        "template": recipe.model.template,
        "method": train.method,
        "epochs": train.epochs,
        "max_steps": train.max_steps,
        "batch_size": train.batch_size,
        "accumulate": train.accumulate,
        "learning_rate": train.learning_rate,
        "max_length": train.max_length,
        "precision": train.precision,
        "deepspeed": train.deepspeed,
        "seed": train.seed,
    }


def _rows(record: RunRecord) -> Summary:
    """The row account of the data stage: read = written + rejected + dropped, by source."""
    facts = next((stage.facts for stage in record.stages if stage.name == "data"), {})
    keys = ("read", "written", "rejected", "rejects", "dropped", "rows", "train_rows", "test_rows")
    account: Summary = {key: facts.get(key) for key in keys}
    few = facts.get(layout.FEW)
    account["rehearsed_rows"] = few.get("rows") if isinstance(few, Mapping) else None
    sources = [one for one in facts.get("sources") or () if isinstance(one, Mapping)]
    known = ("source", "read", "written", "rejected", "rejects", "dropped")
    account["sources"] = [{key: one.get(key) for key in known} for one in sources[:FILES]]
    return account


def _stage(stage: StageRecord) -> Summary:
    return {
        "name": stage.name,
        "state": "interrupted" if stage.state == "running" else stage.state,
        "seconds": stage.seconds,
        "attempts": stage.attempts,
        "why": stage.why if stage.attempts > 1 or was_taken_over(stage) else None,
        "error": stage.error,
        "figures": figures(stage.facts),
    }


def _sizes(record: RunRecord) -> Summary:
    """Bytes of what a run is for: the adapter and the merged model; its checkpoints too."""
    found: dict[str, int] = {}
    for name, state in _outputs(record):
        folder = name.partition("/")[0]
        if folder in (layout.WORK, layout.ADAPTER, layout.MERGED):
            found[folder] = found.get(folder, 0) + int(state[0])
    return found


def _outputs(record: RunRecord) -> list[tuple[str, list[int | str]]]:
    return [
        (name, state)
        for stage in record.stages
        if stage.state == "done"
        for name, state in stage.outputs.items()
    ]


def _memory(record: RunRecord, steps: Sequence[Step]) -> Summary:
    """Peaks of GPU memory in bytes: of every stage as the driver counted it on the fullest GPU,
    and of the training as its engine counts its own. ``peak`` is the highest; None: no figure.
    ``estimated`` is what the real run was thought to take, by stage, whatever was rehearsed."""
    noted = {stage.name: stage.facts.get("gpu_peak") for stage in record.stages}
    stages = {
        name: {"bytes": one.get("bytes"), "gpu": one.get("gpu"), "gpus": one.get("gpus")}
        for name, one in noted.items()
        if isinstance(one, Mapping)
    }
    said = max((one.memory for one in steps if one.memory), default=None)
    engine = said * 2**20 if said else None
    known = [one["bytes"] for one in stages.values() if isinstance(one["bytes"], int)]
    peak = max([*known, *([engine] if engine else [])], default=None)
    estimate = record.estimate.get("stages") or {}
    sizes = [one.get("gpu") for one in estimate.values()]
    known = [size for size in sizes if isinstance(size, int)]
    return {
        "peak": peak,
        "engine": engine,
        "stages": stages,
        "estimated": estimate,
        "estimated_peak": max(known) if known and len(known) == len(sizes) else None,
        "estimated_gpus": record.estimate.get("gpus"),
    }


def _differences(record: RunRecord) -> Summary:
    """What was done otherwise than the recipe says: by the rehearsal, and by who typed it."""
    request = record.request
    return {
        "rehearsal": list(record.changes),
        "set": list(request.get("sets") or ()),
        "parameters": list(request.get("params") or ()),
        "environment": [f"{k}={v}" for k, v in (request.get("environ") or {}).items()],
        "engine": request.get("engine"),
        "engine_arguments": list(request.get("passthrough") or ()),
    }


def _warnings(record: RunRecord) -> list[Summary]:
    found = []
    for stage in record.stages:
        texts = [*warnings_of(stage.facts), *map(str, stage.facts.get("notes") or ())]
        texts += [stage.error] if stage.error else []
        found += [{"stage": stage.name, "text": text[:TEXT]} for text in texts]
    return found[:FILES]


def _typed(record: RunRecord) -> str | None:
    """The command that began the run, for any machine."""
    if not record.request:
        return None
    request = Request.of(record.request)
    own = Path(request.recipe).name if Path(request.recipe).is_absolute() else request.recipe
    return replace(request, recipe=own, python=None).line(anywhere=True)


def _commands(root: Path) -> str | None:
    script = root / layout.COMMANDS
    if not script.is_file():
        return None
    text = script.read_text(encoding="utf-8", errors="replace")
    first, _, rest = text.partition("\n")
    return (rest if first.startswith("#!") else text)[: 8 * TEXT]


def _files(record: RunRecord) -> list[Summary]:
    """What the stages left, by name: size and digest (verifying/content.py)."""
    found = [
        {"name": name, "bytes": state[0], "digest": state[2] if len(state) > 2 else None}
        for name, state in _outputs(record)
    ]
    found.sort(key=lambda one: str(one["name"]).startswith(f"{layout.WORK}/"))
    return found[:FILES]
