"""Notes of what a download was to bring, so that a finished one is known without asking anyone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base import paths
from orchestrator.base.files import write_atomic

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model


@dataclass(frozen=True)
class Receipt:
    """The files of one download and their sizes. ``path`` is None until the download ended."""

    hub: str
    id: str
    asked: str | None
    commit: str | None
    path: str | None = None
    files: Mapping[str, int] = field(default_factory=dict)

    def missing_in(self, folder: Path) -> list[str]:
        """Files that are not there with their size (a size of 0 was not known)."""
        return [name for name, size in self.files.items() if not _fits(folder / name, size)]


def _fits(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size or (size == 0 and path.is_file())
    except OSError:
        return False


def receipt_path(model: Model, cache: str) -> Path:
    """One file a model, revision and client cache (another cache folder is another copy)."""
    key = "\n".join((model.hub, model.id, model.revision or "", cache))
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", model.id).strip("-")[:60]
    return paths.cache_dir() / "models" / f"{name}-{digest}.json"


def read_receipt(path: Path) -> Receipt | None:
    """The receipt, or None when there is none or it cannot be read (then it is made anew)."""
    try:
        return Receipt(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write_receipt(path: Path, receipt: Receipt) -> None:
    write_atomic(path, json.dumps(asdict(receipt), indent=1, ensure_ascii=False) + "\n")
