"""Writing files so that nothing is lost: a temporary file, flush, rename."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from orchestrator.base.errors import RecipeError


def write_atomic(path: Path, text: str, *, executable: bool = False) -> None:
    """Replace ``path`` by ``text`` (UTF-8) or leave it as it was; RecipeError when it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _cannot(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o755 if executable else 0o644)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise _cannot(path, error) from error


def _cannot(path: Path, error: OSError) -> RecipeError:
    return RecipeError(
        f"{path.name} could not be written.",
        where=str(path),
        why=error.strerror or str(error),
        fix="check the free space and the permissions of that folder; what was there is unchanged",
    )
