"""The peak of GPU memory while a stage runs, as the driver counts it, noted for the next time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from orchestrator.base.errors import RecipeError
from orchestrator.base.hardware import Gpu, gpus
from orchestrator.engines.job import Job
from orchestrator.fit import measured
from orchestrator.fit.measured import Measured
from orchestrator.preflight.fitting import fit, setup_of
from orchestrator.recipe.schema import Recipe
from orchestrator.running import record as records

#: Seconds between two looks: torch keeps what it has taken, so that a peak lasts.
EVERY = 1.0


@dataclass
class Peak:
    """What the fullest GPU held more than before the stage; no ``gpu``: none was seen."""

    bytes: int = 0
    gpu: str = ""
    used: set[int] = field(default_factory=set)
    """The numbers of the GPUs that held something."""


@contextlib.contextmanager
def watched(job: Job) -> Iterator[Peak]:
    """Look at the GPUs while the block runs; a rehearsal and a machine without one cost nothing."""
    peak = Peak()
    before = [] if job.rehearsal else gpus()
    if not before:
        yield peak
        return
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(before, peak, ended), daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def _watch(before: list[Gpu], peak: Peak, ended: threading.Event) -> None:
    base = {gpu.index: gpu.used for gpu in before}
    while True:
        over = ended.wait(EVERY)
        for gpu in gpus() or []:
            more = gpu.used - base.get(gpu.index, 0)
            if more > 0:
                peak.used.add(gpu.index)
            if more > peak.bytes:
                peak.bytes, peak.gpu = more, gpu.name
        if over:
            return


def keep(peak: Peak, job: Job, stage: str) -> dict[str, object]:
    """The facts of the stage's record; the peak is noted for the next estimate of this setup.

    A cache that cannot be written loses nothing of the run.
    """
    if not peak.gpu:
        return {}
    found = Measured(
        bytes=peak.bytes, gpu=peak.gpu, gpus=max(1, len(peak.used)), when=records.now()
    )
    shape = fit(job.recipe, gpus=found.gpus).shape
    if shape is not None:
        with contextlib.suppress(RecipeError):
            measured.note(setup_of(job.recipe, shape, found.gpus), stage, found)
    return {"gpu_peak": asdict(found)}


def expected(recipe: Recipe) -> dict[str, object]:
    """What ``recipe fit`` estimates for ``recipe``, for the record: bytes of each stage on each of
    its GPUs and on the host (None: unknown); empty where nothing is known of the model."""
    found = fit(recipe)
    stages = {
        one.stage: {"gpu": one.need.gpu.total, "host": one.need.host.total} for one in found.stages
    }
    return {"gpus": found.gpus, "stages": stages} if stages else {}
