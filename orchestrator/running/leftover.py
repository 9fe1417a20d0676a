"""The engine that a killed ``recipe`` left behind: noted in the run directory, ended by the next.

``kill -9`` gives nobody the chance to end the engine. It goes on in a session of its own, and would
write into the same folders as the next try.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from orchestrator.base.process import end_group, start_time

_NOTE = ".engine"


def note(root: Path, pid: int) -> None:
    """Remember that the process group ``pid`` works in ``root``, and when it was started."""
    started = start_time(pid)
    if started is not None:
        with contextlib.suppress(OSError):  # a full disk: the run itself will say so
            (root / _NOTE).write_text(f"{pid} {started}\n", encoding="ascii")


def forget(root: Path) -> None:
    (root / _NOTE).unlink(missing_ok=True)


def end(root: Path) -> bool:
    """End the engine that is noted in ``root``; whether there was one.

    A process of that number that was started at another time is somebody else's.
    """
    try:
        pid, started = (root / _NOTE).read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return False
    alive = start_time(int(pid)) == started
    if alive:
        end_group(int(pid))
    forget(root)
    return alive
