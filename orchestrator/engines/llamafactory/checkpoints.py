"""What a finished training leaves in its output folder."""

from __future__ import annotations

import math
from pathlib import Path

from orchestrator.base.language import say
from orchestrator.base.plan import Facts, Proof
from orchestrator.engines.checkpoints import newest_checkpoint as newest_checkpoint
from orchestrator.verifying.artifacts import check_file, diverged, json_of, wrong


def check_training(path: Path, _base: Path | None) -> Facts:
    """The output folder of a transformers Trainer that came to its end."""
    results = json_of(
        path / "train_results.json",
        say("training left no train_results.json", "训练没有留下 train_results.json"),
    )
    json_of(
        path / "all_results.json",
        say("training left no all_results.json", "训练没有留下 all_results.json"),
    )
    state = json_of(
        path / "trainer_state.json",
        say("training left no trainer_state.json", "训练没有留下 trainer_state.json"),
    )
    check_file(path / "trainer_log.jsonl", None)
    loss = results.get("train_loss")
    if not isinstance(loss, (int, float)) or not math.isfinite(loss):
        why = say(
            f"train_loss is {loss}: the training diverged, or fp16 was too narrow for the model",
            f"train_loss 为 {loss}：训练发散，或 fp16 的数值范围对该模型太窄",
        )
        raise diverged(
            say("the training ended without a finite loss", "训练结束时损失不是有限数值"), path, why
        )
    if short := _steps_not_reached(state):
        raise wrong(
            say("the training stopped before its last step", "训练在最后一步之前停止了"),
            path,
            short,
        )
    facts: Facts = {"steps": state.get("global_step"), "train_loss": f"{loss:.4f}"}
    curves = sorted(file.name for file in path.glob("training_*.png"))
    return {**facts, "curves": ", ".join(curves)} if curves else facts


def _steps_not_reached(state: Facts) -> str | None:
    """How many steps are missing, in words, unless a callback was to stop the training early."""
    done, wanted = state.get("global_step"), state.get("max_steps")
    epoch, epochs = state.get("epoch"), state.get("num_train_epochs")
    if not isinstance(done, int) or not isinstance(wanted, int) or done >= wanted:
        return None
    if "EarlyStoppingCallback" in (state.get("stateful_callbacks") or {}):
        return None
    seen_all = isinstance(epoch, float) and isinstance(epochs, int) and epoch > epochs - 1e-6
    return (
        None
        if seen_all
        else say(
            f"trainer_state.json: {done} of {wanted} steps were taken",
            f"trainer_state.json：共 {wanted} 步，只完成了 {done} 步",
        )
    )


TRAINING = Proof(name="training", check=check_training, marker="train_results.json")
