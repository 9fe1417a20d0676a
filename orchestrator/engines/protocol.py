"""What a package must offer to be an engine (docs/adding-an-engine.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from orchestrator.base.plan import Command, Plan, PlannedFile
from orchestrator.causes.explanation import Explanation
from orchestrator.engines.job import Job
from orchestrator.engines.model_code import Family
from orchestrator.engines.progress import Learning, Step
from orchestrator.envs.release import Release
from orchestrator.fit.formulas import StageNeed
from orchestrator.fit.shape import Shape
from orchestrator.recipe.faults import Objection
from orchestrator.recipe.schema import Recipe

if TYPE_CHECKING:
    from data_tools import Outcome


class Engine(Protocol):
    """An engine is a module with these names. What it says of a recipe it says without a disk."""

    @property
    def name(self) -> str: ...

    @property
    def releases(self) -> tuple[Release, ...]: ...

    @property
    def template_registry(self) -> tuple[str, str]:
        """(module, attribute) of the engine's own prompt templates, in its environment."""

    @property
    def row_formats(self) -> tuple[str, ...]:
        """The row formats of data_tools that this engine reads, the usual one first."""

    def unsupported(self, recipe: Recipe, release: Release, /) -> Sequence[Objection]:
        """Everything that ``recipe`` asks for and ``release`` cannot do; empty when it can run."""

    def template(self, recipe: Recipe, /) -> str:
        """The recipe's prompt template under the name that it has in this engine."""

    def row_columns(self, recipe: Recipe, /) -> Mapping[str, Any] | None:
        """The keys that every row must have, and the value where a row lacks one; None: any."""

    def turn_fields(self, release: Release, /) -> Collection[str]:
        """What ``release`` reads of a turn beside its role and text: ``loss``, other keys."""

    def notes(self, recipe: Recipe, /) -> tuple[str, ...]:
        """What the recipe asks for that this engine does otherwise or not at all, in words."""

    def rehearse(self, recipe: Recipe, /) -> tuple[Recipe, tuple[str, ...]]:
        """The recipe as a rehearsal runs it, and what that changed, in words."""

    def stages(self, recipe: Recipe, /) -> tuple[str, ...]:
        """The engine's own stages, in order, after data, model, render and check."""

    def files(self, job: Job, /) -> tuple[PlannedFile, ...]:
        """What the engine reads, rendered."""

    def plan(self, stage: str, job: Job, /) -> Plan:
        """The plan of ``check`` or of one of :meth:`stages`."""

    def newest_checkpoint(self, root: Path, /) -> Path | None:
        """The whole checkpoint in the run ``root`` that training can go on from."""

    def crashed(self, log: str, /) -> bool:
        """Whether the log shows a crash that the exit code hides."""

    @property
    def explanations(self) -> tuple[Explanation, ...]:
        """What only this engine's logs say when it fails: its part of the table of causes."""


@runtime_checkable
class ArrangesRows(Protocol):
    """An engine that reads the run's rows from files of its own."""

    def arrange_rows(self, job: Job, root: Path, outcome: Outcome, /) -> Mapping[str, object]:
        """Write them below ``data/`` in the run ``root``: those of ``data/train.jsonl``, each
        of the source that ``outcome.origins[0]`` says. Facts for the record; RecipeError for what
        would not train."""


@runtime_checkable
class Chats(Protocol):
    """An engine that can talk to what a run made."""

    def chat(self, job: Job, options: Mapping[str, Any], /) -> Command:
        """The command of the engine's own chat; UsageError for an option that it lacks."""


@runtime_checkable
class Compares(Protocol):
    """An engine whose models can be asked, before and after training, with its own template."""

    def compare(self, job: Job, request: str, result: str, /) -> Command:
        """The command that answers ``request`` (a JSON file in the run; its form, and that of
        ``result``, are in ``probes/make_comparison.py``)."""


@runtime_checkable
class KnowsOwnCode(Protocol):
    """An engine that trains models which bring their own code, and says which fit which release."""

    @property
    def own_code(self) -> Sequence[Family]: ...


@runtime_checkable
class MakesStandins(Protocol):
    """An engine whose models a smaller config alone does not make small."""

    def own_standin(self, job: Job, plan: Plan, /) -> Plan:
        """The plan that makes ``standin/`` tiny: ``plan`` brings the model's config, code and
        tokenizer there, and its command shrinks the sizes that the config has."""


@dataclass(frozen=True, kw_only=True)
class Glance:
    """What is to be looked at: rows and a packed sequence by number, from 1; the chat's system."""

    rows: tuple[int, ...]
    sequence: int | None = None
    system: str | None = None


@runtime_checkable
class Peeks(Protocol):
    """An engine that shows what its own pipeline makes of rows and of a question."""

    def peek(self, job: Job, glance: Glance, /) -> Plan:
        """The plan that writes its one output, JSON as docs/peek.md describes it.

        Data and render are done by then, and ``job.model`` is there without its weights."""


@runtime_checkable
class Recognises(Protocol):
    """An engine that knows its own files when somebody takes one for a recipe."""

    def recognises(self, values: Mapping[str, object], /) -> str | None:
        """What a file with these top-level names is ("a training file of …"); None: not ours."""


@runtime_checkable
class Weighs(Protocol):
    """An engine that can say what its stages take, from the model's shape alone."""

    def memory(
        self, recipe: Recipe, release: Release, shape: Shape, gpus: int, /
    ) -> tuple[StageNeed, ...]:
        """What each of its stages takes on each of ``gpus`` GPUs, and on the host."""


@runtime_checkable
class PassesRows(Protocol):
    """An engine that asks more of a row than its format does."""

    def row_steps(self, recipe: Recipe, /) -> Mapping[str, Any]:
        """Steps of data_tools (``apply_steps``) that every row passes."""


@runtime_checkable
class RegistersRows(Protocol):
    """An engine whose own checkout keeps a list of data sets."""

    def register_rows(
        self, file: Path, into: Path, /, *, name: str, force: bool
    ) -> tuple[Path, Literal["added", "replaced", "unchanged"]]:
        """Add ``file`` to the list in ``into`` as ``name``; the list, and what was done."""


@runtime_checkable
class Serves(Protocol):
    """An engine that can serve what a run made over HTTP."""

    def serve(self, job: Job, options: Mapping[str, Any], /) -> Command:
        """The command of the engine's own server; UsageError for an option that it lacks."""


@runtime_checkable
class TellsProgress(Protocol):
    """An engine whose training can be followed, and looked at afterwards."""

    def progress(self, line: str, /) -> Step | None:
        """How far the training is, from one line of its output; None: the line does not say."""

    def learning(self, root: Path, /) -> Learning:
        """Loss by step and answers of the training in the run ``root``, from the files it wrote."""


@runtime_checkable
class ServesPage(Serves, Protocol):
    """An engine whose server is a page for a browser, and no API."""

    @property
    def page(self) -> str:
        """What the page is called."""
