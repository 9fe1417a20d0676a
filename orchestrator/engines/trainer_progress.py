"""What the Trainer of transformers prints: a bar of steps, and a dictionary at every logged step.

Sources: transformers/trainer_callback.py (ProgressCallback), tqdm's default format.
"""

from __future__ import annotations

import re

from orchestrator.engines.progress import Step, number

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
