"""The files of a run that this engine reads: ``train.sh``, and DeepSpeed's configuration."""

from __future__ import annotations

from orchestrator.base.plan import PlannedFile
from orchestrator.engines.chatglm3 import settings
from orchestrator.engines.chatglm3.notes import notes
from orchestrator.engines.job import Job
from orchestrator.engines.upstream.commands import RESUME, TRAIN_SH
from orchestrator.engines.upstream.flags import lines
from orchestrator.rendering.templates import render


def files(job: Job) -> tuple[PlannedFile, ...]:
    """``train.sh`` with every flag of finetune.py; ``deepspeed/zero2.json`` where it is used."""
    text = render(
        "chatglm3/train.sh.jinja",
        job=job,
        checkout=job.release.checkouts[0],
        gpus=job.recipe.train.gpus or 1,
        flags=lines(settings.flags(job)),
        notes=notes(job.recipe),
        resume=RESUME,
    )
    made = [PlannedFile(path=TRAIN_SH, text=text, executable=True)]
    config = settings.deepspeed_file(job.recipe)
    if config:
        made.append(PlannedFile(path=config, text=render("chatglm3/deepspeed.json.jinja")))
    return tuple(made)
