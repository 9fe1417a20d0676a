"""A process with everything it started: is any of it alive, and how it is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

#: Seconds a group is given after each signal before the next, harder one.
GRACE_SECONDS = 8.0


def end_group(group: int, reap: Callable[[], object] = lambda: None) -> None:
    """End the process group: interrupt, terminate, kill, each with a grace period.

    ``reap`` collects this process's own child. A second interrupt while waiting kills at once.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        try:
            if _group_ended(group, reap, GRACE_SECONDS):
                return
        except KeyboardInterrupt:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            return


def _group_ended(group: int, reap: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        reap()
        if not _group_alive(group):
            return True
        time.sleep(0.05)
    return False


def _group_alive(group: int) -> bool:
    """Whether the group has a member left that is more than a zombie.

    The first process of a container may never collect orphans: they stay zombies for ever.
    """
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    known = [fields for path in Path("/proc").glob("[0-9]*/stat") if (fields := _stat(path))]
    if not known:
        return True  # no /proc here
    return any(fields[2] == str(group) and fields[0] not in "ZX" for fields in known)


def _stat(path: Path) -> list[str]:
    """The fields of /proc/PID/stat after the command's name: state, parent, group …"""
    try:
        return path.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def start_time(pid: int) -> str | None:
    """When the process was started, in clock ticks; None when it is gone or nobody knows."""
    fields = _stat(Path(f"/proc/{pid}/stat"))
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else None
