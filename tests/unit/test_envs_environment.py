"""An environment as a value: its variables and its programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from envs_support import TOY

from orchestrator.base.errors import RecipeError
from orchestrator.envs.environment import Environment


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    folder = tmp_path / "env" / "bin"
    folder.mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    for name in ("python", "toyengine"):
        (folder / name).write_text(f"#!/bin/sh\necho {name} of the environment\n")
        (folder / name).chmod(0o755)
    return Environment(TOY, folder / "python", True, "0" * 64)


def test_a_bare_python_is_the_environments(environment: Environment) -> None:
    env = environment.environ(os.environ)
    done = subprocess.run(["sh", "-c", "python"], env=env, capture_output=True, text=True)
    assert done.stdout == "python of the environment\n"


def test_the_callers_python_is_scrubbed_and_the_rest_kept(environment: Environment) -> None:
    base = {"PATH": "/usr/bin", "PYTHONHOME": "/h", "PYTHONPATH": "/p", "HF_HOME": "/hf"}
    before = dict(base)
    env = environment.environ(base)
    assert env == {
        "PATH": f"{environment.bin}:/usr/bin",
        "HF_HOME": "/hf",
        "PYTHONNOUSERSITE": "1",
        "VIRTUAL_ENV": str(environment.root),
    }
    assert base == before


def test_without_a_path_there_is_still_one(environment: Environment) -> None:
    assert environment.environ({})["PATH"] == f"{environment.bin}:{os.defpath}"


def test_a_python_that_is_no_virtual_environment_does_not_say_it_is(
    environment: Environment,
) -> None:
    (environment.root / "pyvenv.cfg").unlink()
    assert "VIRTUAL_ENV" not in environment.environ({"VIRTUAL_ENV": "/mine"})


def test_programs_come_from_the_environment_only(environment: Environment) -> None:
    assert environment.which("toyengine") == environment.bin / "toyengine"
    with pytest.raises(RecipeError, match="has no program 'sh'") as raised:
        environment.which("sh")
    assert raised.value.where == str(environment.bin / "sh")
    assert raised.value.fix == "recipe env doctor toyengine@1.0"


def test_a_program_that_cannot_be_run_is_none(environment: Environment) -> None:
    (environment.bin / "toyengine").chmod(0o644)
    (environment.bin / "folder").mkdir()
    for name in ("toyengine", "folder"):
        if os.access(environment.bin / name, os.X_OK) and (environment.bin / name).is_file():
            pytest.skip("this user may run every file")
        with pytest.raises(RecipeError, match="has no program"):
            environment.which(name)


def test_bytecode_is_kept_in_environments_of_our_own(tmp_path: Path) -> None:
    """An engine imports for seconds; without bytecode for three times as long, in every command."""
    base = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": "/bin"}
    for managed in (True, False):
        environment = Environment(TOY, tmp_path / "bin" / "python", managed, "digest")
        assert ("PYTHONDONTWRITEBYTECODE" in environment.environ(base)) is not managed
