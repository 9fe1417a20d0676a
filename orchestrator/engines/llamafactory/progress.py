"""What a training of LLaMA-Factory says of itself: the Trainer's lines, and trainer_log.jsonl.

Source: llamafactory/train/callbacks.py, LogCallback.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.base import layout
from orchestrator.engines.progress import Learning, Step, one_curve
from orchestrator.engines.trainer_progress import progress as progress

LOG = "trainer_log.jsonl"


def learning(root: Path) -> Learning:
    """From ``trainer_log.jsonl`` in the output folder; it asks no evaluation prompts."""
    logs = [root / folder / LOG for folder in (layout.ADAPTER, layout.WORK)]
    lines = next((log.read_text(encoding="utf-8") for log in logs if log.is_file()), "")
    return Learning(steps=one_curve(_steps(lines)))


def _steps(lines: str) -> Iterator[Step]:
    for line in lines.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue  # the line that was being written when the training was cut off
        if isinstance(value, Mapping):
            yield Step(
                step=value.get("current_steps"),
                total=value.get("total_steps"),
                loss=value.get("loss"),
                rate=value.get("lr", value.get("learning_rate")),  # its name below 0.9
            )
