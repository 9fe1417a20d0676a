"""What the check stage finds in rows that the engine would read without a word of complaint."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from orchestrator import probes
from orchestrator.engines import llamafactory
from orchestrator.engines.llamafactory.entries import layout

FOLDERS = (Path(probes.__file__).parent, Path(llamafactory.__file__).parent / "probes")


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The probes' own findings, as they begin in a process of their own."""
    for folder in FOLDERS:
        monkeypatch.syspath_prepend(str(folder))
    for name in ("probe_findings", "look_keys", "look_rows"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("probe_findings")


def rows_of(folder: Path, *turns: list[dict[str, Any]]) -> Path:
    path = folder / "rows.jsonl"
    lines = [json.dumps({"conversations": row}) for row in turns]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_turn_with_a_word_that_the_engine_drops_is_named(
    findings: ModuleType, tmp_path: Path
) -> None:
    look_keys = importlib.import_module("look_keys")
    entry = layout("sharegpt", {"conversations": "conversations"}, "sft")
    plain = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
    look_keys.check_turns(rows_of(tmp_path, plain, plain), entry)
    assert findings.FAULTS == []
    marked = [plain[0], {**plain[1], "loss": False, "weight": 0.5}]
    look_keys.check_turns(rows_of(tmp_path, plain, marked), entry)
    (fault,) = findings.FAULTS
    assert "loss, weight" in fault["what"]
    assert "rows.jsonl:2" in fault["why"]
    assert "data.drop=[loss, weight]" in fault["fix"]


def test_media_that_are_not_there_are_counted(findings: ModuleType, tmp_path: Path) -> None:
    look_rows = importlib.import_module("look_rows")
    there = tmp_path / "1.jpg"
    there.write_bytes(b"a picture")
    none = {"_images": None, "_videos": [], "_audios": None}
    look_rows.check_media([none, {**none, "_images": [str(there)]}])
    assert (findings.FAULTS, findings.FIGURES["media"]) == ([], 1)
    frames = {**none, "_videos": [["a.jpg", "b.jpg"]]}  # frames of a video are read as they are
    look_rows.check_media([frames, {**none, "_images": [str(there), "2.jpg"], "_audios": ["3"]}])
    (fault,) = findings.FAULTS
    assert fault["what"].startswith("2 of 4 ")
    assert "2.jpg" in fault["why"]
