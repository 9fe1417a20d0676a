"""What is asked: the recipe's evaluation prompts, and a seeded sample of the rows held out."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from data_tools.errors import Reject
from data_tools.formats.emitting import as_row
from orchestrator.base import layout
from orchestrator.recipe.schema import Recipe


@dataclass(frozen=True)
class Asked:
    """The prompts first, then the sampled rows; each item {"system", "turns"} as the probe reads
    it. ``total`` rows are held out; ``skipped`` of the sample are no plain conversation."""

    prompts: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    total: int = 0
    skipped: int = 0

    @property
    def items(self) -> list[dict[str, Any]]:
        return [*self.prompts, *self.rows]


def asked(root: Path, recipe: Recipe, *, rows: int, seed: int) -> Asked:
    """What is asked of the run in ``root``: at most ``rows`` of its test rows, in their order."""
    systems = [source.system for source in recipe.data.sources if source.system]
    system = recipe.evaluate.system or (systems[0] if systems else None)
    prompts = [{"system": system, "turns": [[text, None]]} for text in recipe.evaluate.prompts]
    file = root / layout.TEST
    lines = [one for one in file.read_bytes().splitlines() if one.strip()] if file.is_file() else []
    chosen = sorted(random.Random(seed).sample(range(len(lines)), min(rows, len(lines))))
    items = [conversation(lines[index]) for index in chosen]
    plain = [item for item in items if item is not None]
    return Asked(prompts, plain, len(lines), len(items) - len(plain))


def conversation(line: bytes) -> dict[str, Any] | None:
    """A row as {"system", "turns"}; None for one with tools, pictures or another order of turns."""
    try:
        row = as_row(orjson.loads(line))
    except (ValueError, Reject):
        return None
    if any(row.get(key) for key in ("tools", "images", "videos", "audios")):
        return None
    said = [(one["role"], one["content"]) for one in row["messages"]]
    system = said.pop(0)[1] if said and said[0][0] == "system" else None
    roles = [role for role, _ in said]
    if not said or roles != ["user", "assistant"] * (len(said) // 2) or not said[-1][1]:
        return None
    texts = [text for _, text in said]
    return {
        "system": system,
        "turns": [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)],
    }
