"""The names inside one run directory. Engines keep their own file names inside ``WORK``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

WORK, ADAPTER, MERGED = "work", "adapter", "merged"
"""The engine's own output, the trained adapter, the model that is whole."""
DATA, LOGS, SUPERSEDED = "data", "logs", "superseded"
TRAIN, TEST, FEW = f"{DATA}/train.jsonl", f"{DATA}/test.jsonl", f"{DATA}/rehearsal.jsonl"
ACCOUNT, REJECTED = f"{DATA}/account.json", f"{DATA}/rejected.jsonl"
CHECK = "check.json"
LOCK, COMMANDS, RECORD = "recipe.lock.yaml", "commands.sh", "run.json"
REPORT = "report.html"
"""The page of a finished run; Markdown and JSON stand beside it."""
TEMPLATE = "template.py.jinja"
"""A copy of the recipe's own config template (`template_file`)."""
STANDIN = "standin"
DEEPSPEED = "deepspeed"
"""DeepSpeed configurations that an engine reads from files."""
FOLDERS = (WORK, ADAPTER, MERGED, DATA, LOGS, SUPERSEDED, STANDIN, DEEPSPEED)
"""The run's own folders: no link to a model may take one of these names."""


@dataclass(frozen=True)
class RunPaths:
    """The places that this tool itself reads and writes. ``root`` is absolute."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / LOCK

    @property
    def record(self) -> Path:
        return self.root / RECORD

    @property
    def logs(self) -> Path:
        return self.root / LOGS

    def log(self, stage: str) -> Path:
        return self.logs / f"{stage}.log"
