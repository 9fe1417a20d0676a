"""Checkpoints of transformers' Trainer: folders ``checkpoint-N`` in its output folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

_NUMBERED = re.compile(r"checkpoint-(\d+)")
#: What a training can go on from; a checkpoint that was cut off lacks one of them.
_NEEDED = ("trainer_state.json", "optimizer.pt", "scheduler.pt")


def newest_checkpoint(output: Path) -> Path | None:
    """The whole checkpoint with the highest number in ``output``; None when there is none."""
    numbered = [
        (int(found[1]), path)
        for path in output.glob("checkpoint-*")
        if path.is_dir() and (found := _NUMBERED.fullmatch(path.name))
    ]
    return next((path for _, path in sorted(numbered, reverse=True) if _is_whole(path)), None)


def _is_whole(folder: Path) -> bool:
    sharded = any(folder.glob("global_step*"))  # DeepSpeed keeps its optimizer in there
    needed = _NEEDED[:1] if sharded else _NEEDED
    if not all((folder / name).is_file() for name in needed):
        return False
    try:
        state = json.loads((folder / _NEEDED[0]).read_text(encoding="utf-8"))
    except ValueError:
        return False
    weights = [*folder.glob("*.safetensors"), *folder.glob("*.bin")]
    return "global_step" in state and (bool(weights) or sharded)
