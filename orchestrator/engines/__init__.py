"""The engines, in one literal registry. An engine is a module that meets :class:`Engine`.

This file is the only one outside an engine's own package that knows an engine's name.
"""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from orchestrator.base.errors import UsageError
from orchestrator.envs.release import Release

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.base.plan import Command, Plan, PlannedFile
    from orchestrator.recipe.schema import Recipe

#: name -> module. Loaded only when it is asked for.
REGISTRY = {
    "xtuner": "orchestrator.engines.xtuner",
    "llamafactory": "orchestrator.engines.llamafactory",
}


@dataclass(frozen=True, kw_only=True)
class Context:
    """What an engine plans with, beside the recipe: places and the mode of the run.

    ``model`` is the base model as the engine's files name it, relative to the run directory.
    """

    release: Release
    recipe_name: str
    model: str
    dataset: str | None = None
    """A hub data set that the engine loads itself, instead of ``train_file``."""
    train_file: str = "data/train.jsonl"
    work: str = "work"
    adapter: str = "adapter"
    merged: str = "merged"
    rehearsal: bool = False
    gpus: int | None = None
    bf16: bool | None = None
    """Whether this machine's GPUs have bf16; None when it has none or that is not known."""
    resume_from: str | None = None
    passthrough: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Extra words of the command line for one stage, after ``--``."""


class Engine(Protocol):
    """What a module must offer to be an engine (see docs/adding-an-engine.md)."""

    name: str
    releases: tuple[Release, ...]
    template_registry: tuple[str, str]
    """(module, attribute) of the engine's own prompt templates, by name, in its environment."""
    row_format: str
    """The row format of data_tools that this engine reads."""

    def template(self, recipe: Recipe) -> str:
        """The recipe's prompt template under the name that it has in this engine."""

    def row_columns(self, recipe: Recipe) -> Mapping[str, Any] | None:
        """The keys that every row must have, and the value where a row lacks one; None: any."""

    def notes(self, recipe: Recipe) -> tuple[str, ...]:
        """What the recipe asks for that this engine does otherwise or not at all, in words."""

    def stages(self, recipe: Recipe) -> tuple[str, ...]:
        """The engine's own stages, in order, after data, model, render and check."""

    def files(self, recipe: Recipe, context: Context) -> tuple[PlannedFile, ...]:
        """What the engine reads, rendered."""

    def plan(self, stage: str, recipe: Recipe, context: Context) -> Plan:
        """The plan of ``check`` or of one of :attr:`stages`."""

    def chat(self, recipe: Recipe, context: Context, options: Mapping[str, Any]) -> Command:
        """The command that talks to what the run made."""

    def serve(self, recipe: Recipe, context: Context, options: Mapping[str, Any]) -> Command:
        """The command that serves what the run made over HTTP; UsageError when it cannot."""

    def newest_checkpoint(self, root: Path) -> Path | None:
        """The whole checkpoint in the run ``root`` that training can go on from."""

    def rehearse(self, recipe: Recipe) -> tuple[Recipe, tuple[str, ...]]:
        """The recipe as a rehearsal runs it, and what that changed, in words."""

    def crashed(self, log: str) -> bool:
        """Whether the log shows a crash that the exit code hides."""

    def explain(self, log: str) -> tuple[str, str] | None:
        """The cause and the fix of a failure, from the engine's log; None when unknown."""


def get(name: str) -> Engine:
    """The engine of that name; :class:`UsageError` with the nearest names when there is none."""
    module = REGISTRY.get(name)
    if module is None:
        near = difflib.get_close_matches(name, REGISTRY, n=1)
        hint = f"did you mean {near[0]}?" if near else f"engines: {', '.join(REGISTRY)}"
        raise UsageError(f"There is no engine called {name!r}.", fix=hint)
    return cast(Engine, importlib.import_module(module))


def release(name: str) -> Release:
    """The release called ``engine@version``; :class:`UsageError` naming those there are."""
    engine, _, version = name.partition("@")
    known = get(engine).releases
    for one in known:
        if one.version == version:
            return one
    names = ", ".join(one.name for one in known)
    raise UsageError(f"There is no engine release {name!r}.", fix=f"releases: {names}")


def all_releases() -> list[Release]:
    return [one for name in REGISTRY for one in get(name).releases]
