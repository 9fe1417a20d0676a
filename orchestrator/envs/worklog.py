"""What a build says and keeps: every program it starts goes through here into one log."""

from __future__ import annotations

import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base import paths
from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.process import capture, quoted
from orchestrator.base.secrets import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Progress = Callable[[str], object]

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class WorkLog:
    """The log of one environment, and who is told of the progress, one line of text at a time.

    Without a ``path`` nothing is kept: looking at an environment must work where nothing can be
    written. Programs inherit ``lock``: when a builder is killed, its uv keeps the lock until it
    has ended too, and nobody clears the folder under it.
    """

    path: Path | None
    tell: Progress
    lock: int | None = None

    def run(
        self,
        argv: list[str],
        *,
        env: Mapping[str, str],
        shown: re.Pattern[str] | None = None,
        timeout: float | None = None,
    ) -> tuple[int, list[str]]:
        """Run a program to its end: its exit code and its lines, without colours and passwords.

        Lines that ``shown`` matches are told (its last group, where it has one). It is started in
        the environments' folder, so that no project's settings reach it. OSError when it cannot be
        started; :class:`RecipeError` when the log cannot be written.
        """
        lines: list[str] = []
        folder = paths.environments_dir() if self.path else Path(tempfile.gettempdir())
        log = self.path or Path(os.devnull)
        try:
            for place in (folder, log.parent):
                place.mkdir(parents=True, exist_ok=True)
            file = log.open("a", encoding="utf-8")
        except OSError as error:
            raise cannot_use(folder, error) from error

        def keep(raw: str) -> None:
            line = redacted(_COLOUR.sub("", raw.rstrip()))
            file.write(line + "\n")
            lines.append(line)
            match = shown.match(line) if shown else None
            if match:
                self.tell(match[match.lastindex or 0].strip())

        with file:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            file.write(f"\n$ {redacted(quoted(argv))}    # {stamp}\n")
            inherited = () if self.lock is None else (self.lock,)
            done = capture(argv, env=env, cwd=folder, line=keep, keep=inherited, timeout=timeout)
        if done.timed_out:
            lines.append(say(f"ended after {timeout:.0f} s", f"{timeout:.0f} 秒后被终止"))
        return done.code, lines


def cannot_use(place: Path, error: OSError) -> RecipeError:
    """A folder of ours that cannot be read or written, in words."""
    return RecipeError(
        say(
            "The folder of the engines' environments cannot be used.", "引擎环境的文件夹无法使用。"
        ),
        where=str(error.filename or place),
        why=error.strerror or str(error),
        fix=say(
            "set RECIPE_CACHE to a folder of your own, or make that one readable and writable",
            "让 RECIPE_CACHE 指向你自己的文件夹，或让该文件夹可读写",
        ),
    )
