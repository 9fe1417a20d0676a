"""Commands of an engine that runs an upstream script: the rendered script, and our own probes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.base.plan import Command
from orchestrator.engines.job import Job

#: The rendered script, which starts the training script of the checkout.
TRAIN_SH = "train.sh"
#: The checkpoint that ``train.sh`` goes on from; how, is the business of each engine's template.
RESUME = "RESUME_FROM"
#: A rehearsal sees no GPU, and its tiny model wants one thread.
_REHEARSAL = {"CUDA_VISIBLE_DEVICES": ""}
_ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def train(job: Job) -> Command:
    """``bash train.sh``; words after ``--`` of `recipe run` come last, where they win."""
    env = {RESUME: job.resume_from} if job.resume_from else {}
    return command(job, "bash", TRAIN_SH, *job.passthrough.get("train", ()), env=env)


def probe(job: Job, script: Path, *words: str) -> Command:
    """A script of ours in the engine's Python."""
    return command(job, "python", str(script), *words, by_hand=False)


def command(
    job: Job, *argv: str, env: Mapping[str, str] | None = None, by_hand: bool = True
) -> Command:
    """A command in the engine's environment; a rehearsal's has no GPU and one thread."""
    more = _REHEARSAL if job.rehearsal else {}
    kept = _ONE_THREAD if job.rehearsal else {}
    return Command(argv=argv, env={**more, **(env or {})}, defaults=kept, by_hand=by_hand)
