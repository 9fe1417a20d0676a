"""The engine that a killed ``recipe`` left behind: noted in the run directory, ended by the next.

``kill -9`` gives nobody the chance to end the engine. It goes on in a session of its own, and would
write into the same folders as the next try.
"""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.process_group import end_group, start_time

_NOTE = ".engine"
_HOST = "host="
_FOLDER = "folder="


def note(root: Path, pid: int) -> None:
    """Remember the process group ``pid`` that works in ``root``: when it was started, on which
    machine, and in which folder, so that a copy of the run does not end the engine of the first."""
    started = start_time(pid)
    if started is not None:
        with contextlib.suppress(OSError):  # a full disk: the run itself will say so
            place = f"{_HOST}{socket.gethostname()} {_FOLDER}{root.stat().st_ino}"
            text = f"{pid} {started} {place}\n"
            (root / _NOTE).write_text(text, encoding="utf-8")


def forget(root: Path) -> None:
    (root / _NOTE).unlink(missing_ok=True)


def end(root: Path) -> bool:
    """End the engine that is noted in ``root``; whether there was one.

    A process of that number that was started at another time is somebody else's. RecipeError when
    it is on another machine, where nothing can be ended from here.
    """
    try:
        pid, started, *more = (root / _NOTE).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return False
    if _value(more, _FOLDER) not in ("", str(root.stat().st_ino)):
        forget(root)
        return False
    host = _value(more, _HOST)
    if host and host != socket.gethostname():
        raise RecipeError(
            say(
                f"An engine of this run may still be at work on {host}.",
                f"这次运行的引擎可能仍在 {host} 上工作。",
            ),
            where=str(root / _NOTE),
            why=say(
                f"its `recipe` ended there without ending process group {pid}",
                f"那里的 `recipe` 已退出，却没有结束进程组 {pid}",
            ),
            fix=say(
                f"on {host}: kill -- -{pid}; then remove that file and run this again",
                f"请在 {host} 上执行：kill -- -{pid}；然后删除该文件，再次运行此命令",
            ),
        )
    alive = start_time(int(pid)) == started
    if alive:
        end_group(int(pid))
    forget(root)
    return alive


def _value(words: list[str], key: str) -> str:
    return next((word[len(key) :] for word in words if word.startswith(key)), "")
