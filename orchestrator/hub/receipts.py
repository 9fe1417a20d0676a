"""Notes of what a download was to bring, so that a finished one is known without asking anyone."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base import paths
from orchestrator.base.errors import RecipeError
from orchestrator.base.files import write_atomic
from orchestrator.hub.folder import ModelFolder, check_folder
from orchestrator.hub.remote import HUBS, Listing, RemoteFile

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

_COMMIT = re.compile(r"[0-9a-f]{40}")


def place(model: Model, *, weights: bool = True) -> Path:
    """One file a model, revision and client cache (another cache folder is another copy).

    A download without weights has one of its own.
    """
    cache = os.environ.get(HUBS[model.hub].cache, "")
    words = (model.hub, model.id, model.revision or "", cache)
    key = "\n".join(words if weights else (*words, "without weights"))
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", model.id).strip("-")[:60]
    return paths.cache_dir() / "models" / f"{name}-{digest}.json"


def read(model: Model, *, weights: bool = True) -> Listing:
    """What was to come; nothing when there is no receipt, or none that can be read."""
    try:
        value = json.loads(place(model, weights=weights).read_bytes())
        files = tuple(RemoteFile(**each) for each in value["files"])
        return Listing(files, value["commit"], value["path"])
    except (OSError, ValueError, TypeError, KeyError):
        return Listing()


def write(model: Model, listing: Listing, *, weights: bool = True) -> None:
    text = json.dumps({"hub": model.hub, "id": model.id, **asdict(listing)}, indent=1)
    write_atomic(place(model, weights=weights), text + "\n")


def named(model: Model, listing: Listing, folder: ModelFolder) -> ModelFolder:
    """The folder with what the hub says of it."""
    last = folder.path.name  # Hugging Face's client calls its folders by the commit
    commit = listing.commit or (last if _COMMIT.fullmatch(last) else None)
    return replace(
        folder,
        hub=model.hub,
        id=model.id,
        revision=commit or model.revision or HUBS[model.hub].branch,
        checksums={each.path: each.sha256 for each in listing.files if each.sha256},
    )


def whole(
    model: Model, listing: Listing, folder: Path, *, weights: bool = True
) -> ModelFolder | None:
    """The folder, when it holds everything; None when something is missing or unfit."""
    if listing.missing_in(folder):
        return None
    try:
        return named(model, listing, check_folder(folder, weights=weights))
    except RecipeError:
        return None
