"""What decides a stage's outcome, part by part, so that a change can be named.

Small files count by content, large ones (weights) by size and time of change: hashing 15 GB to
find out that nothing changed would cost more than it saves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.base.plan import NewestCheckpoint, Plan

Parts = dict[str, str]
_PACKAGE = str(Path(__file__).resolve().parents[1])
_LARGE = 32 * 1024 * 1024


def of(plan: Plan, root: Path, extra: Mapping[str, object]) -> Parts:
    """The parts of ``plan`` by name; ``extra`` holds facts of the run (environment, mode)."""
    parts: Parts = {}
    for file in plan.files:
        parts[file.path] = _digest(_without_comments(file.path, file.text).encode())
    if plan.task is not None:
        parts.update(_facts("", plan.task.facts()))
    for number, command in enumerate(plan.commands, 1):
        said = [_word(word) for word in command.argv]
        environment = dict(sorted({**command.defaults, **command.env}.items()))
        parts[f"command {number}"] = _digest(json.dumps([said, environment]).encode())
    for name in plan.inputs:
        parts[name] = of_path(root / name)
    parts.update(_facts("", {**plan.facts, **extra}))
    return parts


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names of the parts that changed, came or went."""
    names = dict.fromkeys([*now, *before])
    return [name for name in names if before.get(name) != now.get(name)]


def _word(word: str | NewestCheckpoint) -> str:
    if not isinstance(word, str):
        return word.shell()
    # Where this package is installed is no reason to run a stage again.
    return word.replace(_PACKAGE, "<package>")


def _facts(prefix: str, facts: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        yield f"{prefix}{key}", json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _without_comments(name: str, text: str) -> str:
    """A changed title or comment in a rendered file is no reason to train again."""
    if not name.endswith((".py", ".yaml", ".sh")):
        return text
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def of_path(path: Path) -> str:
    """A digest of a file, or of a folder's files by relative name; "absent" when there is none."""
    if path.is_file():
        return _file(path)
    if not path.is_dir():
        return "absent"
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{file.relative_to(path)}\t{_file(file)}" for file in files]
    return _digest("\n".join(lines).encode())


def _file(path: Path) -> str:
    state = path.stat()
    if state.st_size > _LARGE:
        return f"{state.st_size}:{state.st_mtime_ns}"
    if path.suffix in (".py", ".yaml", ".sh"):
        text = path.read_text(encoding="utf-8", errors="replace")
        return _digest(_without_comments(path.name, text).encode())
    return _digest(path.read_bytes())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:24]


def snapshot(root: Path, outputs: tuple[str, ...]) -> dict[str, list[int]]:
    """Size and time of change of every file a stage made, to notice a missing or edited one."""
    found: dict[str, list[int]] = {}
    for name in outputs:
        path = root / name
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file():
                state = file.stat()
                found[str(file.relative_to(root))] = [state.st_size, state.st_mtime_ns]
    return found
