"""A job: one recipe as it will run. Every planner and every engine plans with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from orchestrator.base import layout
from orchestrator.envs.release import Release
from orchestrator.recipe.schema import Recipe, Source

Standin = Literal["own", "native", "contract"]
"""What a rehearsal trains: the model's own config, code and tokenizer in miniature; a tiny model of
transformers' own classes with a tokenizer made from the rows; or nothing, and only what an engine
would be told is checked (``stages`` end with ``check``)."""


@dataclass(frozen=True)
class FoundSource:
    """One source of rows and where it is: on disk, behind a URL, on a hub, or generated."""

    source: Source
    path: Path | None = None
    is_sample: bool = False

    @property
    def name(self) -> str:
        return source_name(self.source)

    @property
    def on_hub(self) -> bool:
        """Whether the engine loads it itself; a shipped sample of it is a file instead."""
        return self.source.dataset is not None and self.path is None


def source_name(source: Source) -> str:
    return source.name or source.path or source.dataset or "generated rows"


@dataclass(frozen=True, kw_only=True)
class Job:
    """The recipe, its engine release, where its rows are, and the mode of the run.

    Paths are relative to the run directory (:mod:`orchestrator.base.layout`).
    """

    name: str
    recipe: Recipe
    release: Release
    sources: tuple[FoundSource, ...]
    standin: Standin | None = None
    """What a rehearsal trains; None: this is no rehearsal."""
    changes: tuple[str, ...] = ()
    """What a rehearsal changed, in words."""
    unchecked: str | None = None
    """Why the recipe's `expect` does not apply to these rows; None: it is checked."""
    notes: tuple[str, ...] = ()
    """What this run does otherwise than the recipe asks for, in words."""
    bf16: bool | None = None
    """Whether this machine's GPUs have bf16; None when it has none or that is not known."""
    environment: Path | None = None
    """The bin folder of the engine's environment, once it is known."""
    checkouts: Mapping[str, Path] = field(default_factory=dict)
    """Variable -> folder of each of the release's checkouts, once they are known."""
    resume_from: str | None = None
    """The checkpoint that a training which was cut off goes on from."""
    passthrough: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Extra words of the command line for one stage, after ``--``."""

    @property
    def rehearsal(self) -> bool:
        return self.standin is not None

    @property
    def model_name(self) -> str:
        """The folder (or link) of the base model in the run directory."""
        return layout.STANDIN if self.rehearsal else safe_folder_name(self.recipe.model.id)

    @property
    def model(self) -> str:
        """The base model as the engine's files name it."""
        return f"./{self.model_name}"

    @property
    def hub_sources(self) -> tuple[FoundSource, ...]:
        """The data sets that the engine loads itself."""
        return tuple(found for found in self.sources if found.on_hub)

    @property
    def file_sources(self) -> tuple[FoundSource, ...]:
        """The sources whose rows the data stage converts."""
        return tuple(found for found in self.sources if not found.on_hub)

    @property
    def train_file(self) -> str | None:
        """The converted rows that are trained on; None when every row is on a hub."""
        if not self.file_sources:
            return None
        return layout.FEW if self.rehearsal else layout.TRAIN

    @property
    def file_map_fn(self) -> str | None:
        """The engine's map function for the run's own file of rows; None: they are converted.

        One file has one: rows of several sources that ask for different ones are all converted.
        """
        asked = {found.source.map_fn for found in self.file_sources}
        return asked.pop() if len(asked) == 1 else None


def safe_folder_name(model_id: str) -> str:
    """The last part of a model id, without dots: remote code becomes a Python module of that name.

    transformers imports ``transformers_modules.<folder>``, which a dot breaks. A model in a folder
    called ``merged`` or ``logs`` must not meet the run's own: it is linked as ``merged-base``.
    """
    last = model_id.rstrip("/").rpartition("/")[2]
    name = re.sub(r"[^0-9A-Za-z_-]", "_", last) or "model"
    # Some disks do not tell Merged from merged.
    return f"{name}-base" if name.casefold() in layout.FOLDERS else name
