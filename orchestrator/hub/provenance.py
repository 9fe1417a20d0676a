"""What model a run really used, as JSON for its record."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base.files import sha256
from orchestrator.hub.folder import ModelFolder

_SMALL = 32 << 20  # bytes; hashing 15 GB of weights would take a minute


def provenance(folder: ModelFolder) -> dict[str, object]:
    """Folder, hub, id, revision or commit, and every file with its bytes and SHA-256.

    The digest of a weight file is the hub's own, against which the download was checked; in a
    folder that was given, weights have none: their index, config, code and tokenizer have.
    """
    files = {
        name: {"bytes": size, "sha256": _digest(folder, name, size)}
        for name, size in folder.files.items()
    }
    return {
        "path": str(folder.path),
        "hub": folder.hub,
        "id": folder.id,
        "revision": folder.revision,
        "bytes": folder.bytes,
        "files": files,
    }


def _digest(folder: ModelFolder, name: str, size: int) -> str | None:
    if size <= _SMALL:
        return sha256(Path(folder.path, name))
    return folder.checksums.get(name)
