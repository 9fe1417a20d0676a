"""Prompt templates: what each engine's table says is what stands in the engine's own registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.engines import registry
from orchestrator.engines.llamafactory import template_names as llamafactory
from orchestrator.engines.templates import TemplateTable
from orchestrator.engines.xtuner import template_names as xtuner
from orchestrator.envs.install import ensure
from tests.support.engine_runs import in_engine

pytestmark = pytest.mark.engine

NAMES = """
import importlib, json, sys
from pathlib import Path
module, attribute = sys.argv[2:]
names = sorted(getattr(importlib.import_module(module), attribute))
Path(sys.argv[1]).write_text(json.dumps(names))
"""
TABLES: dict[str, Callable[[str], TemplateTable]] = {
    "xtuner@0.2.0": xtuner.table,
    "xtuner@0.1.9": xtuner.table,
    "llamafactory@0.9.5": llamafactory.table,
    "llamafactory@0.8.3": llamafactory.table,
}


def asked(release: str, script: str, folder: Path, *words: str) -> list[str]:
    environment = ensure(registry.release(release), progress=print)
    report = folder / "report.json"
    done = in_engine(environment, "-c", script, str(report), *words, cwd=folder)
    assert report.exists(), done.output
    names: list[str] = json.loads(report.read_text())
    return names


def test_every_release_has_a_table() -> None:
    """An upstream script has no names of templates: it writes the marks of its one model."""
    named = {each.name for each in registry.all_releases() if each.native_standins}
    assert set(TABLES) == named


@pytest.mark.parametrize("release", TABLES)
def test_a_table_holds_every_name_of_the_registry(release: str, tmp_path: Path) -> None:
    engine, _, version = release.partition("@")
    known = asked(release, NAMES, tmp_path, *registry.get(engine).template_registry)
    assert set(known) == TABLES[release](version).known
