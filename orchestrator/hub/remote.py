"""What is known of the two hubs, and what each one's client module offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

Progress = Callable[[int, int, str], object]
"""Called with bytes done, bytes in all (0: not known), and the name of what just moved."""


@dataclass(frozen=True)
class Hub:
    """One hub: its name and the variables that its client reads. ``branch`` is its main one."""

    name: str
    token: str
    cache: str
    folder: str
    """Its client's folder in ~/.cache, where that variable says nothing."""
    models: str | None
    """Another variable, which names the folder of the models itself."""
    branch: str
    client: str
    """The module that speaks to it, for the process that downloads (a :class:`Client`)."""


HUBS = {
    "modelscope": Hub(
        name="ModelScope",
        token="MODELSCOPE_API_TOKEN",
        cache="MODELSCOPE_CACHE",
        folder="modelscope",
        models=None,
        branch="master",
        client="orchestrator.hub.on_modelscope",
    ),
    "huggingface": Hub(
        name="Hugging Face",
        token="HF_TOKEN",
        cache="HF_HOME",
        folder="huggingface",
        models="HF_HUB_CACHE",
        branch="main",
        client="orchestrator.hub.on_huggingface",
    ),
}


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository. ``size`` is bytes, 0 when the hub does not say."""

    path: str
    size: int
    sha256: str | None = None

    def is_at(self, path: Path) -> bool:
        try:
            return path.stat().st_size == self.size or (self.size == 0 and path.is_file())
        except OSError:
            return False


@dataclass(frozen=True)
class Listing:
    """The files of one revision, and the commit that it stands for when the hub says so.

    ``path`` is the folder of a download that has ended.
    """

    files: tuple[RemoteFile, ...] = ()
    commit: str | None = None
    path: str | None = None

    def missing_in(self, folder: Path) -> list[str]:
        """Files that are not there with their size."""
        return [each.path for each in self.files if not each.is_at(folder / each.path)]


class Damaged(Exception):
    """Files arrived twice with a content that is not the hub's own; they were removed."""

    def __init__(self, files: Sequence[str]) -> None:
        super().__init__("SHA-256 or size differs")
        self.files = tuple(files)


class Client(Protocol):
    """A hub's own client behind five functions. They raise whatever the client raises."""

    def cache_root(self) -> Path:
        """Where the client puts its files."""

    def endpoint(self) -> str:
        """The address that the client would ask."""

    def cached(self, model: Model) -> Path | None:
        """The folder that the client already has, complete or not; no network."""

    def listing(self, model: Model) -> Listing:
        """The repository's files at the model's revision."""

    def revisions(self, model: Model) -> list[str]:
        """The names of the repository's tags and branches."""

    def download(
        self, model: Model, wanted: Sequence[RemoteFile], moved: Callable[[int], object]
    ) -> Path:
        """Bring the wanted files; ``moved`` is told bytes (negative: taken back)."""
