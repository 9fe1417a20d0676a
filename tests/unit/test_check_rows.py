"""`recipe check --rows`: the engine's own check with a tokenizer alone, in a passing folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.base import hardware
from orchestrator.base.errors import RecipeError
from orchestrator.hub.folder import ModelFolder
from orchestrator.running import rows, trial
from tests.support.fake_engine import FakeEngine, small_job


@pytest.fixture
def tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "base-without-weights"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    found = ModelFolder(path=folder, files={}, id="base")
    monkeypatch.setattr(trial, "fetch_model", lambda _model, *, weights: None if weights else found)
    monkeypatch.setattr(hardware, "gpus", lambda: None)
    return folder


def test_the_engine_speaks_of_the_rows(tokenizer: Path, tmp_path: Path) -> None:
    engine = FakeEngine.make(tmp_path / "engine")
    verdicts = list(rows.examined(small_job(tmp_path, rehearse=False), engine.environment("fake")))
    assert engine.stages == ["check"], "no model is made or fetched"
    assert [(one.level, one.cause) for one in verdicts if one.level == "warning"] == [
        ("warning", "few steps")
    ]


def test_a_check_that_breaks_is_an_error(tokenizer: Path, tmp_path: Path) -> None:
    engine = FakeEngine.make(tmp_path / "engine")
    engine.behave("check", "echo broken; exit 3")
    with pytest.raises(RecipeError, match="did not finish"):
        list(rows.examined(small_job(tmp_path, rehearse=False), engine.environment("fake")))


def test_faults_warnings_and_figures_are_verdicts(tmp_path: Path) -> None:
    report = {
        "faults": [{"what": "No row is left.", "why": "cutoff_len is 8", "fix": "raise it"}],
        "warnings": ["3 of 9 rows are cut"],
        "figures": {"rows": 9, "optimizer_steps": 4},
    }
    found = list(rows._verdicts(json.loads(json.dumps(report))))
    assert [one.level for one in found] == ["error", "warning", "note"]
    assert found[0].fix == "raise it"
    assert "optimizer steps 4" in found[2].cause
