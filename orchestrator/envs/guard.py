"""One builder at a time, for each environment, on one machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from orchestrator.base.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextlib.contextmanager
def held(root: Path, waiting: Callable[[], object] | None = None) -> Iterator[int]:
    """Hold the lock of the environment at ``root``; gives the lock's file descriptor.

    The descriptor is handed on to uv: when a builder is killed, its uv keeps the lock until it
    has ended too, and nobody clears the folder under it.
    """
    path = root.with_name(f".{root.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise RecipeError(
            "The environments' folder cannot be written to.",
            where=str(path.parent),
            why=error.strerror,
            fix="make it writable or set RECIPE_CACHE to a folder that is",
        ) from error
    try:
        _lock(handle, waiting)
        yield handle
    finally:
        os.close(handle)


def _lock(handle: int, waiting: Callable[[], object] | None) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if waiting is not None:
            waiting()
        fcntl.flock(handle, fcntl.LOCK_EX)
