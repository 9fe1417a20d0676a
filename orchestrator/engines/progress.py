"""What a training says of itself while it runs, and what it leaves behind: values, no engine."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far a training is; what its line does not say is None."""

    step: int | None = None
    """Optimizer steps or iterations, as the engine counts them, from 1."""
    total: int | None = None
    loss: float | None = None
    rate: float | None = None
    """The learning rate."""
    left: float | None = None
    """Seconds that the engine itself expects to need still."""
    memory: int | None = None
    """Peak GPU memory so far on the fullest GPU, in MiB."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model said to one evaluation prompt after ``step`` steps (0: before training)."""

    step: int
    prompt: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What a training left to look at: its loss by step, and its answers in the order they came."""

    steps: tuple[Step, ...] = ()
    answers: tuple[Answer, ...] = ()


def one_curve(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps with a loss, as one rising line: a later try replaces the steps it does again.

    A training that was cut off goes on from a checkpoint, and one that begins anew begins at 1.
    """
    curve: list[Step] = []
    for one in steps:
        if one.step is None or one.loss is None:
            continue
        while curve and (curve[-1].step or 0) >= one.step:
            curve.pop()
        curve.append(one)
    return tuple(curve)


def number(text: str) -> float | None:
    """A figure as engines print them; None for what is none. NaN and infinities are figures."""
    try:
        return float(text)
    except ValueError:
        return None


def is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
