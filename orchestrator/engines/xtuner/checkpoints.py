"""What XTuner's training leaves: `iter_N.pth` or `epoch_N.pth`, and a pointer to the newest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.base import layout
from orchestrator.base.errors import RecipeError
from orchestrator.base.plan import Facts, Proof
from orchestrator.base.weights import DamagedWeights, check_bytes
from orchestrator.verifying.artifacts import tensors_of, wrong


@dataclass(frozen=True)
class NewestCheckpoint:
    """An argument known only after training: the checkpoint that ``last_checkpoint`` names.

    The engine writes one absolute path into that file; only its last component is used, so a run
    directory may be moved. ``folder`` is relative to the run directory.
    """

    folder: str = layout.WORK

    def shell(self) -> str:
        return f'"{self.folder}/$(basename "$(cat {self.folder}/last_checkpoint)")"'

    def resolve(self, root: Path) -> str:
        checkpoint = newest_checkpoint(root / self.folder)
        if checkpoint is None:
            raise RecipeError(
                "There is no checkpoint to convert.",
                where=str(root / self.folder / "last_checkpoint"),
                why="training left none, or its folder was emptied",
                fix="train again",
                retry=("--from", "train"),
            )
        return str(checkpoint.relative_to(root))


def newest_checkpoint(work: Path) -> Path | None:
    """What ``last_checkpoint`` names inside ``work``: a file, or a folder under DeepSpeed."""
    pointer = work / "last_checkpoint"
    if not pointer.is_file():
        return None
    named = pointer.read_text(encoding="utf-8").strip()
    checkpoint = work / Path(named).name
    return checkpoint if named and checkpoint.exists() else None


def whole_checkpoint(work: Path) -> Path | None:
    """:func:`newest_checkpoint`, unless it was cut off while it was written."""
    try:
        check_checkpoint(work, None)
    except RecipeError:
        return None
    return newest_checkpoint(work)


def check_checkpoint(path: Path, _base: Path | None) -> Facts:
    checkpoint = newest_checkpoint(path)
    if checkpoint is None:
        raise wrong("training left no checkpoint", path, "last_checkpoint names none that exists")
    parts = sorted(checkpoint.rglob("*.pt")) if checkpoint.is_dir() else [checkpoint]
    if checkpoint.is_dir() and not any("model_states" in part.name for part in parts):
        raise wrong("the DeepSpeed checkpoint has no model states", checkpoint)
    names = 0
    for part in parts:
        try:
            check_bytes(part)
        except DamagedWeights as error:
            raise wrong(f"the file {part.name} cannot be loaded", part, str(error)) from error
        names += len(tensors_of(part))
    if names == 0:
        raise wrong("the checkpoint holds no weights", checkpoint)
    total = sum(part.stat().st_size for part in parts)
    return {"checkpoint": checkpoint.name, "tensors": names, "bytes": total}


CHECKPOINT = Proof(name="checkpoint", check=check_checkpoint, marker="last_checkpoint")
