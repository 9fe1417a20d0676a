"""The built wheel in a clean environment: it lists, shows and renders from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orchestrator.engines.registry import all_releases
from orchestrator.recipe.listing import listing
from tests.support.engine_runs import PLAIN, REPOSITORY

NAMES = sorted(one.name for one in listing())


def call(*words: str | Path, cwd: Path) -> str:
    """Run a program without anything of the checkout in sight; what it printed."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    env = {**{k: v for k, v in os.environ.items() if k not in hidden}, **PLAIN}
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--wheel", "--outdir", into, REPOSITORY, cwd=into)
    (found,) = into.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a virtual environment that holds the wheel and what it asks for."""
    root = tmp_path_factory.mktemp("clean") / "venv"
    call(sys.executable, "-m", "venv", root, cwd=wheel.parent)
    call(root / "bin" / "python", "-m", "pip", "install", "--quiet", wheel, cwd=wheel.parent)
    return root / "bin"


def test_what_the_wheel_carries(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "templates", "recipes"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert tracked
    assert {f"orchestrator/_share/{name}" for name in tracked} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_it_carries_what_environments_are_made_of(wheel: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "orchestrator/*/locks/*.txt", "orchestrator/envs/probe.py"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert {release.lock.relative_to(REPOSITORY).as_posix() for release in all_releases()} <= set(
        tracked
    )
    with zipfile.ZipFile(wheel) as archive:
        assert set(tracked) <= set(archive.namelist())


def test_it_lists_and_shows_every_recipe(clean: Path, tmp_path: Path) -> None:
    listed = call(clean / "recipe", "list", cwd=tmp_path)
    assert [name for name in NAMES if name not in listed] == []
    for name in NAMES:
        assert "train.method" in call(clean / "recipe", "show", name, cwd=tmp_path)
    assert "medqa-qlora" in call(clean / "recipe", "validate", cwd=tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_it_renders_every_recipe_twice_to_the_same_bytes(
    name: str, clean: Path, tmp_path: Path
) -> None:
    packs = []
    for folder in ("one", "two"):
        needed = ["-p", "name=张三"] if name.startswith("self-cognition") else []
        call(clean / "recipe", "render", name, *needed, "-o", folder, cwd=tmp_path)
        made = tmp_path / folder
        packs.append({p.relative_to(made): p.read_bytes() for p in made.rglob("*") if p.is_file()})
    assert packs[0] == packs[1]
    assert {"README.md", "commands.sh", "recipe.lock.yaml"} <= {str(path) for path in packs[0]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
