"""Where logs come from: a file, standard input, a folder with the logs of several ranks."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_MOST = 8 * 1024 * 1024
"""Bytes read of one log, from its end: a failure stands there."""
_FILES = 64
_TOGETHER = 600.0
"""Seconds between the last words of ranks that died together; older logs are other trainings."""
_PATTERNS = ("*.log", "*.out", "*.err", "*log*.txt", "stdout*", "stderr*")
_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class Log:
    """The end of a log, and how many lines of it stand before ``text``."""

    text: str
    before: int = 0

    def last_command(self) -> Log:
        """What the last command wrote that this tool began: its line starts with ``$``."""
        head, mark, tail = self.text.rpartition("\n$ ")
        return Log(tail, self.before + head.count("\n") + 1) if mark else self


def read(path: Path) -> Log:
    """A log file's end. OSError when it cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        before = 0
        if size > _MOST:
            left = size - _MOST
            while left > 0 and (piece := stream.read(min(left, 1 << 20))):
                before += piece.count(b"\n")
                left -= len(piece)
        return Log(decoded(stream.read()), before)


def decoded(data: bytes) -> str:
    """The text of a log: UTF-8, or what Windows shells write (UTF-16, GB18030)."""
    for mark, name in _BOMS.items():
        if data.startswith(mark):
            return data.decode(name, errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) - error.start < 4 or error.start < 4:  # cut inside a letter
            return data.decode("utf-8", errors="replace")
    try:
        return data.decode("gb18030")
    except UnicodeDecodeError:
        return data.decode("utf-8", errors="replace")


def in_folder(folder: Path) -> dict[str, Log]:
    """The logs under ``folder`` that ended together with the newest one, by their names in it."""
    found = {path for pattern in _PATTERNS for path in folder.rglob(pattern) if path.is_file()}
    times = {path: path.stat().st_mtime for path in found}
    newest = max(times.values(), default=0.0)
    together = [path for path in found if newest - times[path] <= _TOGETHER]
    return {str(path.relative_to(folder)): read(path) for path in _newest(together, times)}


def _newest(paths: Iterable[Path], times: dict[Path, float]) -> list[Path]:
    ranked = sorted(paths, key=lambda path: (times[path], path), reverse=True)
    return sorted(ranked[:_FILES])
