"""The names that stand in this repository are those of the installed release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.engines import llamafactory
from orchestrator.engines.llamafactory import words
from orchestrator.envs.install import ensure
from orchestrator.envs.release import Release
from tests.support.engine_runs import in_engine

pytestmark = pytest.mark.engine
FOLDER = Path(words.__file__).parent
PROBE = FOLDER.parent / "probes" / "list_words.py"


@pytest.mark.parametrize("release", llamafactory.releases, ids=lambda release: release.name)
def test_a_release_knows_just_these_names(release: Release, tmp_path: Path) -> None:
    done = in_engine(ensure(release, progress=print), str(PROBE), "words.json", cwd=tmp_path)
    assert (tmp_path / "words.json").exists(), done.output
    listed = json.loads((tmp_path / "words.json").read_text(encoding="utf-8"))
    assert listed == json.loads((FOLDER / f"{release.version}.json").read_text(encoding="utf-8"))
