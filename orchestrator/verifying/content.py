"""What files hold, as digests: so that a change can be named, and a copy is no change.

Small files count whole. Of large ones (weights) the size and samples spread over the file count:
hashing 15 GB to find out that nothing changed would cost more than it saves, and a time of change
says nothing about content (`cp -r` makes a new one, another machine's clock another one).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from orchestrator.base.language import say

_LARGE = 32 * 1024 * 1024
#: Samples of a large file, evenly spread, and the bytes of each.
_SAMPLES, _SAMPLE = 128, 16 * 1024
#: In these files a comment is no content.
_COMMENTED = (".py", ".yaml", ".sh")

Snapshot = dict[str, list[int | str]]
"""Name -> size, time of change in ns, digest."""


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:24]


def without_comments(name: str, text: str) -> str:
    """The text without comment lines, where the file's kind has such."""
    if not name.endswith(_COMMENTED):
        return text
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def of_path(path: Path) -> str:
    """A digest of a file, or of a folder's files by relative name; "absent" when there is none."""
    if path.is_file():
        return of_file(path)
    if not path.is_dir():
        return "absent"
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{file.relative_to(path)}\t{of_file(file)}" for file in files]
    return digest("\n".join(lines).encode())


def of_file(path: Path) -> str:
    size = path.stat().st_size
    if size > _LARGE:
        return _sampled(path, size)
    if path.suffix in _COMMENTED:
        text = path.read_text(encoding="utf-8", errors="replace")
        return digest(without_comments(path.name, text).encode())
    return digest(path.read_bytes())


def _sampled(path: Path, size: int) -> str:
    seen = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        for number in range(_SAMPLES):
            seen.update(
                os.pread(stream.fileno(), _SAMPLE, number * (size - _SAMPLE) // (_SAMPLES - 1))
            )
    return seen.hexdigest()[:24]


def snapshot(root: Path, names: Iterable[str], known: Mapping[str, list[int | str]]) -> Snapshot:
    """The state of every file under ``names``; one whose size and time are ``known`` is not read.

    A link counts as the file that it points to.
    """
    found: Snapshot = {}
    for name in names:
        path = root / name
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if not file.is_file():
                continue
            state = file.stat()
            key = str(file.relative_to(root))
            seen = [state.st_size, state.st_mtime_ns]
            before = known.get(key)
            same = before is not None and before[:2] == seen and len(before) > 2
            found[key] = list(before) if same and before else [*seen, of_file(file)]
    return found


def changed(before: Mapping[str, list[int | str]], now: Snapshot) -> str | None:
    """What became of the files of ``before``, in words; None: they hold what they held."""
    for name, state in before.items():
        if name not in now:
            return say(f"{name} is missing", f"缺少 {name}")
        # A record of an earlier version has no digest: its size must do.
        if now[name][2] != state[2] if len(state) > 2 else now[name][0] != state[0]:
            return say(f"{name} was changed", f"{name} 被改动过")
    return None


def stamps(path: Path) -> dict[str, tuple[int, ...]]:
    """What the file system says of every file at ``path``: any write changes it.

    Compared with themselves only, never with a clock.
    """
    files = [path] if path.is_file() else path.rglob("*") if path.is_dir() else ()
    found: dict[str, tuple[int, ...]] = {}
    for file in files:
        if file.is_file():
            state = file.stat()
            found[str(file)] = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    return found
