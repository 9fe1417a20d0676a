"""A command on a terminal of its own (a pty): its bytes, and what a person would see in the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Seen:
    """What came: the exit code, every byte as text, and the frames of the lines drawn again."""

    code: int
    raw: str

    @property
    def lines(self) -> list[str]:
        """The lines that stand on the screen when it is over, without styles."""
        return [_last_drawn(line).rstrip() for line in _STYLE.sub("", self.raw).split("\n")]

    @property
    def frames(self) -> list[str]:
        """Everything that was ever drawn between two erasures or line ends."""
        plain = _STYLE.sub("", self.raw)
        return [text for text in re.split(r"[\r\n]|\x1b\[2K", plain) if text]


def _last_drawn(line: str) -> str:
    return line.rstrip("\r").rpartition("\x1b[2K")[2].rpartition("\r")[2]


def on_screen(
    argv: list[str], *, columns: int, cwd: Path, env: Mapping[str, str], timeout: float = 60
) -> Seen:
    """Run ``argv`` to its end on a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = bytearray()
    try:
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # the last one on the other side is gone
                break
            if not chunk:
                break
            seen += chunk
        code = process.wait(timeout)
    finally:
        os.close(ours)
        process.kill()
        process.wait()
    return Seen(code, seen.decode("utf-8", errors="replace").replace("\r\n", "\n"))
