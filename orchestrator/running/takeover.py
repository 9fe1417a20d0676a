"""Finished stages of another run of the recipe, taken over instead of being done twice."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from orchestrator.base.language import say
from orchestrator.base.layout import RunPaths
from orchestrator.base.plan import Plan
from orchestrator.planning.fingerprint import Parts
from orchestrator.running.record import RunRecord, StageRecord
from orchestrator.verifying.content import changed, snapshot

#: Files from this size on are linked, bytes.
_LINKED = 1 << 20
Runs = Iterable[tuple[Path, RunRecord]]


def find(plan: Plan, parts: Parts, runs: Runs) -> tuple[Path, StageRecord] | None:
    """A run in which this very stage is done and whole; None when there is none.

    Everything that decides the outcome must be equal, part by part.
    """
    if not plan.outputs or plan.files:
        return None
    for root, record in runs:
        for stage in record.stages:
            if stage.name == plan.stage and stage.state == "done" and stage.parts == parts:
                now = snapshot(root, plan.outputs, stage.outputs)
                if stage.outputs and changed(stage.outputs, now) is None:
                    return root, stage
    return None


def told(source: Path) -> str:
    """Why the record says that the stage is done."""
    return say(f"taken over from {source}", f"取用自 {source}")


def was_taken_over(stage: StageRecord) -> bool:
    """Whether the stage was, in whichever language the record says so."""
    return any(word in (stage.why or "") for word in ("taken over", "取用自"))


def take(stage: StageRecord, source: Path, root: Path) -> None:
    """Put the stage's files and its log into ``root``.

    Weights are links to the same bytes where possible: no stage writes into a finished file. What
    a person may edit is copied.
    """
    for name in stage.outputs:
        _place(source / name, root / name)
    log = RunPaths(source).log(stage.name)
    if log.is_file():
        RunPaths(root).logs.mkdir(exist_ok=True)
        shutil.copy2(log, RunPaths(root).log(stage.name))


def _place(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.stat().st_size >= _LINKED:
        with contextlib.suppress(OSError):  # another file system, or one without links
            os.link(file.resolve(), target)
            return
    shutil.copy2(file, target)
