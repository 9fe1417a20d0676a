"""What an earlier try left is moved, never overwritten: ``superseded/<time>-<stage>/``."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from orchestrator.base import layout


def move(root: Path, stage: str, names: Iterable[str]) -> Path:
    """Move ``names`` of the run ``root`` into a new folder of their own; its path in the run."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = root / layout.SUPERSEDED / f"{stamp}-{stage}"
    number = 1
    while folder.exists():
        number += 1
        folder = folder.with_name(f"{stamp}-{stage}-{number}")
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(root / name, target)
    return folder.relative_to(root)
