"""What XTuner's training leaves: `iter_N.pth` or `epoch_N.pth`, and a pointer to the newest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base import layout
from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.plan import Facts, Proof
from orchestrator.base.tensor import DamagedWeights
from orchestrator.base.torch_files import TorchFile, check_bytes, opened
from orchestrator.verifying.artifacts import finite, wrong


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
                say("There is no checkpoint to convert.", "没有可转换的检查点。"),
                where=str(root / self.folder / "last_checkpoint"),
                why=say(
                    "training left none, or its folder was emptied",
                    "训练没有留下检查点，或其文件夹被清空",
                ),
                fix=say("train again", "重新训练"),
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
        checkpoint, _ = _read(work)
    except RecipeError:
        return None
    return checkpoint


def _read(path: Path) -> tuple[Path, dict[Path, TorchFile]]:
    """The newest checkpoint and its files; RecipeError when one is missing or damaged."""
    checkpoint = newest_checkpoint(path)
    if checkpoint is None:
        raise wrong(
            say("training left no checkpoint", "训练没有留下检查点"),
            path,
            say("last_checkpoint names none that exists", "last_checkpoint 所写的检查点不存在"),
        )
    parts = sorted(checkpoint.rglob("*.pt")) if checkpoint.is_dir() else [checkpoint]
    if checkpoint.is_dir() and not any("model_states" in part.name for part in parts):
        raise wrong(
            say(
                "the DeepSpeed checkpoint has no model states",
                "DeepSpeed 检查点中没有模型权重（model_states）",
            ),
            checkpoint,
        )
    found: dict[Path, TorchFile] = {}
    for part in parts:
        try:
            check_bytes(part)
            found[part] = opened(part)
            found[part].tensors()
        except DamagedWeights as error:
            raise wrong(
                say(f"the file {part.name} cannot be loaded", f"文件 {part.name} 无法加载"),
                part,
                str(error),
            ) from error
    if not any(content.tensors() for content in found.values()):
        raise wrong(say("the checkpoint holds no weights", "检查点中没有权重"), checkpoint)
    return checkpoint, found


def check_checkpoint(path: Path, _base: Path | None) -> Facts:
    """A training that came to its end: a whole checkpoint of finite weights, of its last step."""
    checkpoint, parts = _read(path)
    for part, content in parts.items():
        finite(content.tensors(), say("the checkpoint", "检查点"), part, {})
        steps = _steps(content)
        if steps and steps[0] < steps[1]:
            short = say(
                f"{checkpoint.name} is of iteration {steps[0]} of {steps[1]}",
                f"{checkpoint.name} 是第 {steps[0]} 次迭代的，共 {steps[1]} 次",
            )
            raise wrong(
                say("the training stopped before its last step", "训练在最后一步之前停止了"),
                checkpoint,
                short,
            )
    names = sum(len(content.tensors()) for content in parts.values())
    total = sum(part.stat().st_size for part in parts)
    return {"checkpoint": checkpoint.name, "tensors": names, "bytes": total}


def _steps(content: TorchFile) -> tuple[int, int] | None:
    """(iterations done, iterations wanted), as mmengine keeps them beside the weights.

    None when they are not there, or when the config asks for no checkpoint after the last one.
    """
    try:
        done = content.value["meta"]["iter"]
        told = content.value["message_hub"]["runtime_info"]
        wanted, config = told["max_iters"], told.get("cfg")
    except (AttributeError, KeyError, TypeError):
        return None
    if isinstance(config, str) and re.search(r"\bsave_last ?= ?False", config):
        return None
    return (done, wanted) if isinstance(done, int) and isinstance(wanted, int) else None


CHECKPOINT = Proof(name="checkpoint", check=check_checkpoint, marker="last_checkpoint")
