"""What the Trainer of transformers says: a bar, a dictionary at every logged step, its history.

Any engine that trains with it can take both functions. Sources: transformers/trainer_callback.py
(ProgressCallback, TrainerState), tqdm's default format.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from orchestrator.engines.progress import Learning, Step, number, one_curve

#: A bar without a description is the Trainer's own; data sets and shards name theirs.
_BAR = re.compile(r"^\s*\d+%\|[^|]*\| *(\d+)/(\d+) \[")
_LOSS = re.compile(r"\{'loss': '?([^',}]+)'?,.*?'learning_rate': '?([^',}]+)'?")


def progress(line: str) -> Step | None:
    """`` 12%|█▎  | 2/16 [00:00<00:00, 16.97it/s]`` or ``{'loss': 7.5, …}``."""
    bar = _BAR.match(line)
    if bar is not None:
        return Step(step=int(bar[1]), total=int(bar[2]))
    logged = _LOSS.search(line)
    if logged is not None:
        return Step(loss=number(logged[1]), rate=number(logged[2]))
    return None


def history(output: Path) -> Learning:
    """The curve in ``trainer_state.json`` of the output folder, else of its newest checkpoint."""
    states = sorted(output.glob("checkpoint-*/trainer_state.json"), key=_checkpoint)
    for path in (output / "trainer_state.json", *reversed(states)):
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            total, entries = state.get("max_steps"), list(state["log_history"])
            return Learning(steps=one_curve(_logged(entry, total) for entry in entries))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # not there, or cut off while it was written: the one before is as good
    return Learning()


def _checkpoint(path: Path) -> int:
    found = re.fullmatch(r"checkpoint-(\d+)", path.parent.name)
    return int(found[1]) if found else -1


def _logged(entry: dict[str, float], total: int | None) -> Step:
    step = entry.get("step")
    return Step(
        step=int(step) if step is not None else None,
        total=total,
        loss=entry.get("loss"),
        rate=entry.get("learning_rate"),
    )
