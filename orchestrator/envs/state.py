"""The state file: written last, atomically, so an environment without one was never finished."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.base.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

FILE = "recipe-env.json"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class State:
    """What :func:`orchestrator.envs.find` needs to know, and what ``recipe env list`` shows.

    ``bytes`` counts hard-linked files once; ``seconds`` is how long the installation took.
    ``stamps`` are the times of change of a foreign Python's package folders: other times mean
    that something was installed there since it was checked. ``chosen`` says that the user made
    a foreign Python the one to use.
    """

    release: str
    managed: bool
    python: str
    python_version: str
    lock_digest: str
    backend: str | None
    created: float
    seconds: float = 0.0
    bytes: int = 0
    chosen: bool = False
    stamps: dict[str, int] = dataclasses.field(default_factory=dict)
    version: int = VERSION


def read(root: Path) -> State | None:
    """The state under ``root``; None when there is none, or it is not one that this code wrote."""
    try:
        raw = json.loads((root / FILE).read_bytes())
        state = State(**raw)
    except (OSError, ValueError, TypeError):
        return None
    return state if state.version == VERSION else None


def write(root: Path, state: State) -> None:
    """Say that the environment at ``root`` is finished; all of the file or nothing."""
    write_atomic(root / FILE, json.dumps(dataclasses.asdict(state), indent=1) + "\n")
