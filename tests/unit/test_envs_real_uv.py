"""End to end with the real uv, and no network: a tiny wheel, a tiny source package, a real kill."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from envs_support import (
    TOY,
    clear_settings,
    put_engine_wheel,
    put_wheel,
    script,
    use_locks,
    write_lock,
)

from orchestrator.base.errors import RecipeError
from orchestrator.envs import install, inventory

#: A build backend inside the package itself: it needs nothing, and can be made to wait.
_BACKEND = """\
import os, pathlib, shutil, time
def build_wheel(folder, settings=None, metadata=None):
    place = pathlib.Path(os.environ["TOY_PLACE"])
    (place / "started").write_text("")
    while (place / "wait").exists():
        time.sleep(0.02)
    return shutil.copy(next(place.glob("slow/*.whl")), folder) and "slow-1.0-py3-none-any.whl"
"""


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    clear_settings(monkeypatch)
    folder = tmp_path / "wheels"
    folder.mkdir()
    put_engine_wheel(folder)
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("RECIPE_PYTHON", sys.executable)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    use_locks()
    return folder


def put_slow_package(wheels: Path, place: Path) -> None:
    """slow-1.0.tar.gz, whose building waits while ``place``/wait is there."""
    (place / "slow").mkdir(parents=True)
    put_wheel(place / "slow", "slow", "1.0", {"slow.py": ""})
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "b"\n'
        'backend-path = ["."]\n[project]\nname = "slow"\nversion = "1.0"\n',
        "b.py": _BACKEND,
        "PKG-INFO": "Metadata-Version: 2.2\nName: slow\nVersion: 1.0\n",
    }
    with tarfile.open(wheels / "slow-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"slow-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


def test_a_real_environment_runs_its_command(wheels: Path) -> None:
    made = install.ensure(TOY)
    env = made.environ(os.environ)
    done = subprocess.run(
        [made.which("toyengine")], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "trained\n"
    bare = ["python", "-c", "import sys, toyengine; print(sys.prefix)"]
    done = subprocess.run(bare, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(made.root)
    [one] = inventory.installed([TOY])
    assert one.state is not None
    assert one.state.bytes > 0


def test_a_torch_backend_brings_its_own_libraries(wheels: Path, tmp_path: Path) -> None:
    """The lock's nvidia pins are not in the folder: with --torch-backend they are not asked for."""
    for version in ("2.5.1", "2.5.1+cpu"):
        put_wheel(wheels, "torch", version, {"torch.py": f"version = {version!r}\n"})
    lock = "nvidia-cublas-cu12==12.4.5.8\ntorch==2.5.1\ntoyengine==1.0\ntriton==3.1.0\n"
    write_lock(lock)
    made = install.ensure(TOY, torch_backend="cpu")
    ask = [str(made.python), "-c", "import torch; print(torch.version)"]
    assert subprocess.run(ask, capture_output=True, text=True).stdout == "2.5.1+cpu\n"


def test_what_the_index_lacks_is_named(wheels: Path, tmp_path: Path) -> None:
    write_lock("toyengine==1.0\nnowhere==3\n")
    with pytest.raises(RecipeError, match="could not be installed") as raised:
        install.ensure(TOY)
    assert "nowhere" in str(raised.value)
    assert inventory.installed([TOY]) == []


def test_a_real_build_killed_half_way_is_built_again(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    put_slow_package(wheels, place)
    (place / "wait").write_text("")
    monkeypatch.setenv("TOY_PLACE", str(place))
    write_lock("slow==1.0\ntoyengine==1.0\n")
    with subprocess.Popen(script("ensure(TOY)")) as builder:
        deadline = time.monotonic() + 90
        while not (place / "started").exists():
            assert time.monotonic() < deadline, "the build never started"
            time.sleep(0.01)
        builder.send_signal(signal.SIGKILL)
    assert [one.status for one in inventory.installed([TOY])] == ["being built"]  # by its uv
    assert inventory.find(TOY) is None
    (place / "wait").unlink()
    said: list[str] = []
    made = install.ensure(TOY, progress=said.append)
    assert "clearing toyengine@1.0, which was left half built" in said
    assert inventory.find(TOY) == made
    assert made.which("toyengine").is_file()
