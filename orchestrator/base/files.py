"""Writing files so that nothing is lost: data_tools' atomic writer with this package's errors.

And the one digest of a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from data_tools.containers.atomic import CannotWrite, atomic
from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say


@contextlib.contextmanager
def atomic_writer(path: Path, *, executable: bool = False) -> Iterator[BinaryIO]:
    """A binary file that replaces ``path`` when the block ends well, or leaves it as it was.

    Raises:
        RecipeError: it could not be written.
    """
    try:
        with atomic(path, executable=executable) as file:
            yield file
    except CannotWrite as error:
        what = say(f"{path.name} could not be written.", f"无法写入 {path.name}。")
        raise RecipeError(what, where=str(path), why=error.why, fix=error.fix) from error


def write_atomic(path: Path, text: str, *, executable: bool = False) -> None:
    """Replace ``path`` by ``text`` (UTF-8) or leave it as it was; RecipeError when it cannot."""
    with atomic_writer(path, executable=executable) as file:
        file.write(text.encode("utf-8"))


def sha256(path: Path) -> str:
    """The file's SHA-256 in hex. Raises OSError when it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def free_bytes(path: Path) -> int:
    """What is free where ``path`` is, or would be: the nearest folder above it that exists."""
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
    return shutil.disk_usage(nearest).free
