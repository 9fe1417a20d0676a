"""What a stage wants done, as plain values: nothing here touches a disk or starts a process.

A stage is a pure planner: recipe + paths -> :class:`Plan`. A dry run prints plans, a homework pack
writes them, the runner executes them, and a golden-file test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol


class Late(Protocol):
    """A word of a command that is known only when the stages before it are done."""

    def shell(self) -> str:
        """How ``commands.sh`` writes it, quoted."""

    def resolve(self, root: Path) -> str:
        """The word in the run ``root``; RecipeError when what it names is not there."""


Argument = str | Late


@dataclass(frozen=True, kw_only=True)
class Command:
    """One engine command: ``argv[0]`` is looked up in the environment's own bin folder.

    ``env`` is set; ``defaults`` are set only where the user's environment says nothing.
    ``succeeded`` is text that the engine prints when it really came to its end, for engines whose
    exit code says nothing.
    """

    argv: tuple[Argument, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    succeeded: str | None = None
    by_hand: bool = True
    """Whether it belongs into ``commands.sh``; a check of this tool's own does not."""

    def with_env(self, extra: Mapping[str, str]) -> Command:
        """The same command with more variables set."""
        return replace(self, env={**self.env, **extra})

    def with_defaults(self, extra: Mapping[str, str]) -> Command:
        """The same command with more variables set where the user's environment lacks them."""
        return replace(self, defaults={**self.defaults, **extra})


Facts = dict[str, Any]
Check = Callable[[Path, Path | None], Facts]
"""(the artifact, the base model's folder) -> facts for the record; RecipeError: what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """How one kind of artifact shows that it is there and whole. Engines add kinds of their own."""

    name: str
    check: Check
    marker: str | None = None
    """A file inside that ``commands.sh`` looks for after the commands; None: none."""
    is_new: bool = True
    """Whether the stage itself must have written it."""
    tells_cause: bool = False
    """Whether its own error says the cause, so that the log need not be asked."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """Something a stage must leave behind. ``path`` is relative to the run."""

    path: str
    proof: Proof


@dataclass(frozen=True, kw_only=True)
class PlannedFile:
    """A text file that a stage writes. ``path`` is relative to the run directory."""

    path: str
    text: str
    executable: bool = False


class Task(Protocol):
    """A stage's work in this process: plain data with one method."""

    def describe(self) -> str:
        """One line for a dry run."""

    def facts(self) -> Mapping[str, object]:
        """What decides the outcome, as JSON values, for the fingerprint."""

    def run(self, root: Path, progress: Progress) -> Mapping[str, object]:
        """Do it inside the run directory ``root``; return facts for the record."""


class Progress(Protocol):
    """How far a long task is; the command line draws a bar on a terminal, or nothing."""

    def __call__(self, done: int, total: int, what: str, /) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything one stage does.

    ``task`` is work done in this process (rows, model folder). ``inputs`` are files and folders
    whose content decides whether a finished stage still holds; ``outputs`` are what it makes, set
    aside before it runs again. A relative path is relative to the run directory.
    """

    stage: str
    files: tuple[PlannedFile, ...] = ()
    task: Task | None = None
    commands: tuple[Command, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    environment: bool = True
    """Whether the engine's environment must stand before this stage."""
    resumes: bool = False
    """Whether a try that was cut off is gone on with, from its newest checkpoint."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """Anything else that decides the outcome, as JSON values (recipe parts, releases)."""
