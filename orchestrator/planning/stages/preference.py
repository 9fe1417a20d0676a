"""Rows of preference training: an alpaca question with two answers, or one answer and a verdict.

Formats: alpaca rows for preference and KTO training, as engines document them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

#: What must be there, by training stage, and of which type.
REQUIRED: Mapping[str, Mapping[str, type]] = {
    "rm": {"instruction": str, "chosen": str, "rejected": str},
    "dpo": {"instruction": str, "chosen": str, "rejected": str},
    "kto": {"instruction": str, "output": str, "kto_tag": bool},
}


def read(path: Path, stage: str, system: str | None, account: Any) -> Iterator[Any]:
    """Rows of a JSON or JSONL file; a row that does not fit is rejected with its place."""
    from data_tools import Reject, Row
    from data_tools.rows import Source

    source = Source(str(path), "item", format="preference")
    for number, raw in enumerate(_objects(path), 1):
        account.read += 1
        problem = _problem(raw, REQUIRED[stage])
        if problem:
            account.reject(Reject(problem), file=str(path), place={"item": number}, row=raw)
            continue
        if system is not None:
            raw = {**raw, "system": system}
        answer = raw.get("chosen", raw.get("output"))
        asked = "\n".join(part for part in (raw["instruction"], raw.get("input")) if part)
        messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        yield Row({"messages": messages, "raw": raw}, source=source, at=number)


def _objects(path: Path) -> Iterator[Any]:
    from data_tools import DataError

    text = path.read_text(encoding="utf-8-sig")
    try:
        if text.lstrip().startswith("["):
            yield from json.loads(text)
            return
        for line in text.split("\n"):  # a text may hold other line ends
            if line.strip():
                yield json.loads(line)
    except ValueError as error:
        raise DataError("This is not JSON", str(path), str(error)) from error


def _problem(raw: Any, required: Mapping[str, type]) -> str:
    if not isinstance(raw, dict):
        return "it is no object"
    for key, kind in required.items():
        if key not in raw:
            return f"it has no {key}"
        if not isinstance(raw[key], kind) or raw[key] == "":
            return f"{key} must be {'true or false' if kind is bool else 'text'}"
    return ""
