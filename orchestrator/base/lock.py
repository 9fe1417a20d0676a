"""One process at a time: a lock file that says who holds it, on which machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from typing import TYPE_CHECKING

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextlib.contextmanager
def locked(
    path: Path,
    waiting: Callable[[str], object] | None = None,
    *,
    variable: str = "RECIPE_CACHE",
) -> Iterator[int]:
    """Hold the lock file ``path``; gives its file descriptor.

    ``waiting`` is told who holds it ("process 12 on host a") before this call waits, and may
    raise instead. A program that inherits the descriptor keeps the lock until it has ended too. The
    file stays: removing it would let two processes lock two different files. :class:`RecipeError`
    when it cannot be made; ``variable`` is the one that names another place.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise _cannot(path, error, variable) from error
    try:
        try:
            _take(handle, waiting)
        except OSError as error:  # a network disk without locks
            raise _cannot(path, error, variable) from error
        _sign(handle)
        yield handle
    finally:
        os.close(handle)


def _take(handle: int, waiting: Callable[[str], object] | None) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if waiting is not None:
            waiting(_owner(handle))
        fcntl.flock(handle, fcntl.LOCK_EX)


def _cannot(path: Path, error: OSError, variable: str) -> RecipeError:
    return RecipeError(
        say(
            "A folder cannot be written to, or its disk knows no locks.",
            "文件夹无法写入，或所在磁盘不支持文件锁。",
        ),
        where=str(path.parent),
        why=error.strerror or str(error),
        fix=say(
            f"make it writable, or set {variable} to a folder of your own",
            f"请使其可写，或把 {variable} 设为您自己的文件夹",
        ),
    )


def holder(path: Path) -> str | None:
    """Who holds the lock file now, in words; None when nobody does."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _owner(handle)
    except OSError:
        return None  # a network disk without locks: nobody can hold it
    finally:
        os.close(handle)
    return None


def _sign(handle: int) -> None:
    with contextlib.suppress(OSError):  # a full disk: the lock holds without its owner's name
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} on host {socket.gethostname()}".encode(), 0)


def _owner(handle: int) -> str:
    owner = os.pread(handle, 200, 0).decode(errors="replace").strip()
    return owner or say("another process", "另一个进程")
