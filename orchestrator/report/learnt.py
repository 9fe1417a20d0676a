"""What a training learnt, as JSON values: its curve, and its answers before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from orchestrator.engines.progress import Answer, Step
from orchestrator.report.private import shareable

#: What is kept at most: points of a curve, prompts, characters of an answer.
POINTS, PROMPTS, TEXT = 400, 8, 1500


def loss(steps: Sequence[Step]) -> dict[str, Any]:
    """The curve, thinned to :data:`POINTS`; its first, last and lowest value are of all steps."""
    if not steps:
        return {"count": 0, "points": []}
    values = [one.loss for one in steps if one.loss is not None]
    finite = [value for value in values if math.isfinite(value)]
    return {
        "count": len(steps),
        "first": _figure(values[0]),
        "last": _figure(values[-1]),
        "lowest": _figure(min(finite)) if finite else None,
        "total": steps[-1].total,
        "points": [[one.step, _figure(one.loss), one.rate] for one in thinned(steps, POINTS)],
    }


def _figure(value: float | None) -> float | str | None:
    """Six digits; JSON has no NaN and no infinity, which are kept as words."""
    if value is None:
        return None
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)


def thinned(values: Sequence[Any], room: int) -> list[Any]:
    """At most ``room`` of the values, evenly spread, the first and the last among them."""
    if len(values) <= room:
        return list(values)
    last = len(values) - 1
    return [values[index * last // (room - 1)] for index in range(room)]


def answers(given: Sequence[Answer]) -> list[dict[str, Any]]:
    """For every prompt its first answer and its last, which are before and after training."""
    by_prompt: dict[str, list[Answer]] = {}
    for one in given:
        by_prompt.setdefault(one.prompt, []).append(one)
    found = []
    for prompt, said in list(by_prompt.items())[:PROMPTS]:
        first, last = said[0], said[-1]
        before = first if first.step == 0 and last is not first else None
        found.append(
            {"prompt": shareable(prompt[:TEXT]), "before": _said(before), "after": _said(last)}
        )
    return found


def _said(answer: Answer | None) -> dict[str, Any] | None:
    return {"step": answer.step, "text": shareable(answer.text[:TEXT])} if answer else None
