"""The files of a run that this engine reads: scripts, DeepSpeed's configuration, and the shim."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base import layout
from orchestrator.base.plan import PlannedFile
from orchestrator.engines.job import Job
from orchestrator.engines.upstream.commands import RESUME, TRAIN_SH
from orchestrator.engines.upstream.flags import lines
from orchestrator.engines.xcomposer2 import settings
from orchestrator.engines.xcomposer2.notes import notes
from orchestrator.rendering.templates import render

MERGE_SH = "merge.sh"
#: Fixed in the tutorial's scripts; a rehearsal takes any free one, so that several can run.
_PORT = "6001"
_SHIM = "shim/sitecustomize.py"


def files(job: Job) -> tuple[PlannedFile, ...]:
    """``train.sh``, and as needed DeepSpeed's file and ``merge.sh``."""
    shared = {"job": job, "checkout": job.release.checkouts[0], "folder": settings.FOLDER}
    train = render(
        "xcomposer2/train.sh.jinja",
        **shared,
        data_list=settings.LIST,
        flags=lines(settings.flags(job.recipe)),
        gpus=settings.gpus(job.recipe),
        notes=notes(job.recipe),
        output=settings.output(job.recipe),
        port="0" if job.rehearsal else _PORT,
        resume=RESUME,
        vision=settings.VISION,
    )
    made = [
        PlannedFile(path=TRAIN_SH, text=train, executable=True),
        PlannedFile(path=_SHIM, text=(Path(__file__).parent / _SHIM).read_text(encoding="utf-8")),
    ]
    config = settings.deepspeed_file(job.recipe)
    if config:
        offload = "cpu" if job.recipe.train.deepspeed == "zero2_offload" else "none"
        text = render("xcomposer2/deepspeed.json.jinja", offload=offload)
        made.append(PlannedFile(path=config, text=text))
    if settings.is_lora(job.recipe) and job.recipe.export.merge:
        places = {"adapter": layout.ADAPTER, "merged": layout.MERGED}
        merge = render("xcomposer2/merge.sh.jinja", **shared, **places)
        made.append(PlannedFile(path=MERGE_SH, text=merge, executable=True))
    return tuple(made)
