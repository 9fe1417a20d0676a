"""What the rules look at: the recipe and its run to be, and this machine, each asked once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from orchestrator.base import hardware
from orchestrator.base.errors import RecipeError
from orchestrator.base.hardware import Gpu
from orchestrator.base.paths import runs_dir
from orchestrator.engines.job import Job
from orchestrator.envs import inventory, locks
from orchestrator.envs.environment import Environment
from orchestrator.envs.release import Release
from orchestrator.fit.cards import Card
from orchestrator.fit.shape import Unknown
from orchestrator.hub.config import Config
from orchestrator.hub.fetch import known_model
from orchestrator.planning.job import FIRST_STAGES, stages
from orchestrator.preflight.fitting import Fit, config_of, fit
from orchestrator.recipe.load import Loaded
from orchestrator.recipe.schema import Recipe


@dataclass(frozen=True)
class Situation:
    """``loaded`` and ``job``: None where only the machine is looked at, or where there are none.

    ``stages`` are those that would run. Nothing here downloads, and no process but the driver's
    own tool is started.
    """

    loaded: Loaded | None = None
    job: Job | None = None
    release: Release | None = None
    python: Path | None = None
    stages: Sequence[str] = ()
    unfound: RecipeError | None = None
    """Why there is no job: its rows are nowhere, for example."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def recipe(self) -> Recipe | None:
        """The recipe as it would run; a rehearsal's is another one than the file's."""
        if self.job is not None:
            return self.job.recipe
        return self.loaded.recipe if self.loaded is not None else None

    @property
    def rehearsal(self) -> bool:
        return self.job is not None and self.job.rehearsal

    @property
    def trains(self) -> bool:
        """Whether a stage of the engine's own would run, on real weights."""
        if self.recipe is None or self.rehearsal:
            return False
        return self.job is None or any(name not in FIRST_STAGES for name in self.wanted)

    @property
    def wanted(self) -> Sequence[str]:
        return self.stages or (stages(self.job) if self.job else ())

    @cached_property
    def gpus(self) -> list[Gpu] | None:
        """What the driver shows; None when there is no driver's tool."""
        return hardware.gpus()

    @cached_property
    def card(self) -> Card | None:
        """The smallest GPU of this machine."""
        least = min((gpu for gpu in self.gpus or [] if gpu.total), key=_total, default=None)
        return Card(least.name, least.total) if least else None

    @cached_property
    def host_memory(self) -> tuple[int, int] | None:
        """Bytes of host memory: all, and available."""
        return hardware.host_memory()

    @cached_property
    def environment(self) -> Environment | None:
        """The engine's environment, ready for use; by its state file alone."""
        return inventory.find(self.release, python=self.python) if self.release else None

    @cached_property
    def pins(self) -> Mapping[str, str]:
        """The versions that the release's lock holds; {} for a Python of the user's own."""
        own = self.environment is not None and not self.environment.managed
        return {} if own or self.release is None else locks.load(self.release).pins()

    @cached_property
    def config(self) -> Config | None:
        """The model's config.json, when it is known without asking a hub."""
        try:
            return config_of(self.recipe.model) if self.recipe else None
        except Unknown:
            return None

    @cached_property
    def fit(self) -> Fit | None:
        """The memory of every stage on the GPUs that the run would use."""
        return fit(self.recipe, gpus=self.count) if self.recipe else None

    @property
    def count(self) -> int:
        """GPUs of the run: what the recipe says, else what it needs, at most those there are."""
        if self.recipe is None:
            return 1
        if self.recipe.train.gpus:
            return self.recipe.train.gpus
        return max(1, min(self.recipe.needs.gpus, len(self.gpus) if self.gpus else 1))

    @cached_property
    def has_model(self) -> bool:
        """Whether the whole model is on this machine already."""
        try:
            return self.recipe is not None and known_model(self.recipe.model) is not None
        except RecipeError:
            return False

    @property
    def runs(self) -> Path:
        return runs_dir()


def _total(gpu: Gpu) -> int:
    return gpu.total
