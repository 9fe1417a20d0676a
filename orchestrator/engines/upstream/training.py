"""What a script on transformers' Trainer leaves of its training and its weights, without torch."""

from __future__ import annotations

import math
from pathlib import Path

from orchestrator.base import layout
from orchestrator.base.language import say
from orchestrator.base.plan import Facts
from orchestrator.engines.progress import Learning
from orchestrator.engines.trainer_progress import history
from orchestrator.verifying.artifacts import diverged, json_of, tensors_of, wrong

_TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def check_training(path: Path, not_learnt: str) -> Facts:
    """The output folder of a Trainer that took its last step, with losses that are numbers.

    trainer_state.json is written after that step, whatever save_steps says. ``not_learnt`` is why
    no step may have a loss: transformers filters a NaN and logs 0.0.
    """
    state = json_of(
        path / "trainer_state.json",
        say("the training left no trainer_state.json", "训练没有留下 trainer_state.json"),
    )
    step, wanted = state.get("global_step"), state.get("max_steps")
    if step != wanted:
        raise wrong(
            say(
                f"the training ended at step {step} of {wanted}",
                f"训练停在第 {step} 步，共 {wanted} 步",
            ),
            path,
        )
    losses = [entry["loss"] for entry in state.get("log_history", ()) if "loss" in entry]
    good = [loss for loss in losses if math.isfinite(loss) and loss != 0]
    if losses and not good:
        raise diverged(
            say(
                f"the training did not learn: its loss was {losses[-1]}",
                f"训练没有学到东西：损失为 {losses[-1]}",
            ),
            path,
            not_learnt,
        )
    facts: Facts = {"steps": step}
    if good:
        facts |= {"first_loss": good[0], "last_loss": good[-1]}
    if len(good) < len(losses):  # rows whose answer was cut away, or the weights are NaN: see there
        facts["steps_without_a_loss"] = len(losses) - len(good)
    return facts


def number_types(path: Path) -> str:
    """What the numbers of a model folder take, in words."""
    found = set()
    for file in sorted([*path.glob("pytorch_model*.bin"), *path.glob("model*.safetensors")]):
        found |= {_TYPES.get(one.dtype, one.dtype) for one in tensors_of(file).values()}
    return ", ".join(sorted(found))


def learning(root: Path) -> Learning:
    """The curve of the training in ``root``: the Trainer's own history, in either output folder."""
    folders = [root / name for name in (layout.WORK, layout.ADAPTER)]
    curves = [history(folder) for folder in folders]
    return next((curve for curve in curves if curve.steps), Learning())
