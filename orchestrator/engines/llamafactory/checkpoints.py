"""The checkpoints that training leaves: folders ``checkpoint-N`` in its output folder."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

from orchestrator.base.plan import Facts, Proof
from orchestrator.verifying.artifacts import check_file, json_of, wrong

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


def check_training(path: Path, _base: Path | None) -> Facts:
    """The output folder of a transformers Trainer that came to its end."""
    results = json_of(path / "train_results.json", "training left no train_results.json")
    json_of(path / "all_results.json", "training left no all_results.json")
    state = json_of(path / "trainer_state.json", "training left no trainer_state.json")
    check_file(path / "trainer_log.jsonl", None)
    loss = results.get("train_loss")
    if not isinstance(loss, (int, float)) or not math.isfinite(loss):
        why = f"train_loss is {loss}: the training diverged, or fp16 was too narrow for the model"
        raise wrong("the training ended without a finite loss", path, why)
    facts: Facts = {"steps": state.get("global_step"), "train_loss": f"{loss:.4f}"}
    curves = sorted(file.name for file in path.glob("training_*.png"))
    return {**facts, "curves": ", ".join(curves)} if curves else facts


TRAINING = Proof(name="training", check=check_training, marker="train_results.json")
