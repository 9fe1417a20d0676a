"""What the two hubs have in common: a file list, a progress count, and their small Protocol."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model


Progress = Callable[[int, int, str], None]
"""Called with bytes done, bytes in all, and the name of the file that just moved."""


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository. ``size`` is bytes, 0 when the hub does not say."""

    path: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True)
class Listing:
    """The files of one revision, and the commit that it stands for when the hub says so."""

    files: tuple[RemoteFile, ...]
    commit: str | None = None


@dataclass
class Counter:
    """Adds up the bytes of several files, from several threads, into one progress call."""

    total: int
    report: Progress
    _done: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, count: int) -> None:
        """Count bytes of a file; a negative count takes back what a client discards."""
        with self._lock:
            self._done[name] = max(0, self._done.get(name, 0) + count)
            self.report(min(sum(self._done.values()), self.total), self.total, name)


class Hub(Protocol):
    """One hub. Every method raises RecipeError for what a user can mend."""

    name: str
    token_variable: str
    cache_variable: str
    branch: str
    """The revision that the hub takes when none is asked for."""

    def cached(self, model: Model) -> Path | None:
        """The folder that the hub's client already has, complete or not; no network."""

    def cache_root(self) -> Path:
        """Where the client puts its files, for the disk space check."""

    def listing(self, model: Model) -> Listing:
        """The repository's files at the model's revision."""

    def download(self, model: Model, wanted: Sequence[RemoteFile], counter: Counter) -> Path:
        """Bring the wanted files; returns the folder that the client names."""
