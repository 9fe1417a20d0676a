"""How well the table of causes does on other people's logs (tests/data/why/README.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orchestrator.causes.why import Cause, explain
from orchestrator.engines import registry

DATA = Path(__file__).resolve().parent.parent / "data" / "why"


def rows(name: str) -> list[dict[str, Any]]:
    text = (DATA / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def answer(row: dict[str, Any]) -> Cause | None:
    return explain(row["log"], registry.causes(row["log"]))


def wrong(name: str) -> list[tuple[str | None, dict[str, Any], bool]]:
    found = []
    for row in rows(name):
        cause = answer(row)
        told = cause.id if cause else None
        if told not in row["cause"]:
            found.append((told, row, cause is not None and cause.sure))
    return found


def test_nine_of_ten_held_out_lines_are_right_and_none_confidently_wrong() -> None:
    lines, misses = rows("held_out"), wrong("held_out")
    assert len(lines) >= 60
    assert len(misses) <= len(lines) / 10, misses
    assert [miss for miss in misses if miss[2]] == []


def test_the_lines_that_taught_the_table_stay_right() -> None:
    assert wrong("seen") == []


def test_a_harmless_line_has_no_cause() -> None:
    harmless = [row for row in rows("seen") + rows("held_out") if row["cause"] == [None]]
    assert len(harmless) >= 60
    named = [row["log"] for row in harmless if (cause := answer(row)) and cause.id and cause.sure]
    assert named == []


def test_every_line_has_a_source_and_stands_once() -> None:
    lines = rows("seen") + rows("held_out")
    assert all(row["source"].startswith("https://") for row in lines)
    texts = [row["log"] for row in lines]
    assert len(texts) == len(set(texts))
