"""Notes of what a download was to bring, so that a finished one is known without asking anyone."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base import paths
from orchestrator.base.errors import RecipeError
from orchestrator.base.files import write_atomic
from orchestrator.hub.folder import ModelFolder, check_folder
from orchestrator.hub.remote import HUBS, RemoteFile

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Receipt:
    """The files of one download. ``path`` is None until the download ended."""

    hub: str
    id: str
    asked: str | None
    commit: str | None
    files: tuple[RemoteFile, ...]
    path: str | None = None

    def missing_in(self, folder: Path) -> list[str]:
        """Files that are not there with their size (a size of 0 was not known)."""
        return [each.path for each in self.files if not _fits(folder / each.path, each.size)]

    def named(self, folder: ModelFolder) -> ModelFolder:
        """The folder with what the hub says of it."""
        checksums = {each.path: each.sha256 for each in self.files if each.sha256}
        named = folder.path.name  # Hugging Face's client calls its folders by the commit
        commit = self.commit or (named if _COMMIT.fullmatch(named) else None)
        revision = commit or self.asked or HUBS[self.hub].branch
        return replace(folder, hub=self.hub, id=self.id, revision=revision, checksums=checksums)

    def whole(self, folder: Path) -> ModelFolder | None:
        """The folder, when it holds everything; None when something is missing or unfit."""
        if self.missing_in(folder):
            return None
        try:
            return self.named(check_folder(folder))
        except RecipeError:
            return None


def _fits(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size or (size == 0 and path.is_file())
    except OSError:
        return False


def place(model: Model) -> Path:
    """One file a model, revision and client cache (another cache folder is another copy)."""
    cache = os.environ.get(HUBS[model.hub].cache, "")
    key = "\n".join((model.hub, model.id, model.revision or "", cache))
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", model.id).strip("-")[:60]
    return paths.cache_dir() / "models" / f"{name}-{digest}.json"


def read(model: Model) -> Receipt:
    """The receipt; one of no files when there is none, or none that can be read."""
    try:
        value = json.loads(place(model).read_bytes())
        files = tuple(RemoteFile(**each) for each in value.pop("files"))
        return Receipt(files=files, **value)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Receipt(model.hub, model.id, model.revision, None, ())


def write(model: Model, receipt: Receipt) -> None:
    write_atomic(place(model), json.dumps(asdict(receipt), indent=1, ensure_ascii=False) + "\n")
