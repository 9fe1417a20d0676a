"""The engines' environments, built on first use by the product itself, and finished rehearsals."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.engines import registry
from orchestrator.envs.environment import Environment
from orchestrator.envs.install import ensure
from tests.support.engine_runs import only_run, recipe


@pytest.fixture(scope="session")
def xtuner_0_2_0() -> Environment:
    return ensure(registry.release("xtuner@0.2.0"), progress=print)


@pytest.fixture(scope="session")
def xtuner_0_1_9() -> Environment:
    return ensure(registry.release("xtuner@0.1.9"), progress=print)


@pytest.fixture(scope="session")
def finished(xtuner_0_2_0: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished rehearsal of medqa-qlora under runs/. Copy it, never change it."""
    workspace = tmp_path_factory.mktemp("finished")
    done = recipe("run", "medqa-qlora", "--rehearse", cwd=workspace)
    assert done.code == 0, done.output
    (workspace / "output.txt").write_text(done.output, encoding="utf-8")
    return workspace


@pytest.fixture
def workspace(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished rehearsal's folder, for a test to damage."""
    return Path(shutil.copytree(finished, tmp_path / "workspace", symlinks=True))


@pytest.fixture
def run(workspace: Path) -> Path:
    """The run directory in ``workspace``."""
    return only_run(workspace)
