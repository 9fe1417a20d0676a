"""What GPU runs really took: one small file a setup, which the next estimate of it uses.

They lie under the cache folder, ``memory/<setup>.json``, so that they outlive the run directory;
``run.json`` has the same figures among the facts of its stages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.base.files import write_atomic
from orchestrator.base.paths import cache_dir


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The peak of one stage: bytes on the fullest GPU, which GPU, how many of them, and when."""

    bytes: int
    gpu: str
    gpus: int
    when: str


def setup(facts: Mapping[str, Any]) -> str:
    """The digest of everything that a run's memory depends on (JSON values)."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _place(digest: str) -> Path:
    return cache_dir() / "memory" / f"{digest}.json"


def read(digest: str) -> dict[str, Measured]:
    """Stage -> its measured peak; empty where this setup has not run yet."""
    try:
        value = json.loads(_place(digest).read_bytes())
        return {stage: Measured(**one) for stage, one in value["stages"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def note(digest: str, stage: str, peak: Measured) -> None:
    """Keep the peak of ``stage``; the newest run of a setup counts. RecipeError: cannot write."""
    known = {**read(digest), stage: peak}
    stages = {name: asdict(one) for name, one in known.items()}
    write_atomic(_place(digest), json.dumps({"stages": stages}, indent=1) + "\n")
