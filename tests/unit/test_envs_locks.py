"""The committed locks, and the text that is made of them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from envs_support import TOY, clear_settings, put_wheel, use_locks, write_lock
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import RecipeError
from orchestrator.cli.env import env
from orchestrator.engines import registry
from orchestrator.engines.registry import all_releases
from orchestrator.envs import locks, relock
from orchestrator.envs.release import Release

_PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.+!_-]+")
COMMITTED = [release.lock for release in all_releases()]


@pytest.mark.parametrize("release", all_releases(), ids=lambda one: one.name)
def test_every_release_has_a_lock_that_names_its_command(release: Release) -> None:
    lock = locks.load(release)
    assert re.match(r"# as of \d{4}-\d\d-\d\d\n", relock.source(release).read_text())
    made_by = [line.lstrip("# ") for line in lock.text.splitlines()[:2]]
    assert made_by[1] == f"recipe env lock {release.name}"
    if not release.checkouts:  # an engine that is no package has its version as a commit
        assert lock.pins()[release.engine] == release.version
    for one in release.checkouts:
        assert one.commit.startswith(release.version)
    assert "deepspeed" in lock.pins()
    assert "protobuf" in lock.pins(), "without it transformers hides a tokenizer's true fault"


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_a_lock_is_pins_in_order_and_no_address(path: Path) -> None:
    text = path.read_text()
    pins = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line for line in pins if not _PIN.fullmatch(line)] == []
    names = [line.split("==")[0] for line in pins]
    assert names == sorted(set(names))
    assert "://" not in text


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_a_lock_holds_what_its_source_asks_for(path: Path) -> None:
    lock = locks.Lock(TOY, path.read_text())
    wanted = [w for w in path.with_suffix(".in").read_text().splitlines() if not w.startswith("#")]
    exact = dict(line.split("==") for line in wanted if "==" in line)
    assert exact.items() <= lock.pins().items()


def test_the_digest_is_of_the_pins_and_the_backend() -> None:
    def digest(text: str, backend: str | None = None) -> str:
        return locks.Lock(TOY, text, backend).digest

    assert digest("# one\na==1\n") == digest("# two\n\n  a==1\n")
    assert len({digest("a==1\n"), digest("a==2\n"), digest("a==1\n", "cpu")}) == 3


def test_a_missing_lock_says_how_to_make_it() -> None:
    use_locks()
    TOY.lock.unlink()
    with pytest.raises(RecipeError, match=r"no lock for toyengine@1\.0") as raised:
        locks.load(TOY)
    assert "recipe env lock toyengine@1.0" in (raised.value.fix or "")


@given(st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,12}==[0-9]{1,2}", fullmatch=True)))
def test_a_backend_drops_only_what_a_torch_build_brings(pins: list[str]) -> None:
    text = "".join(f"{pin}\n" for pin in [*pins, "nvidia-nccl-cu12==2", "triton==3"])
    kept = locks.Lock(TOY, text, "cpu").requirements().splitlines()
    dropped = ("nvidia-", "triton==", "pytorch-triton")
    assert kept == [pin for pin in pins if not pin.startswith(dropped)]


def test_relocking_resolves_pins_without_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real uv, on wheels in a folder."""
    clear_settings(monkeypatch)
    use_locks()
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    put_wheel(wheels, "toyengine", "1.0", {"toyengine/__init__.py": ""})
    put_wheel(wheels, "helper", "2.1", {"helper.py": ""})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_PYTHON", sys.executable)
    relock.source(TOY).write_text("# as of 2099-01-01\ntoyengine==1.0\nhelper\n")
    text = relock.relock(TOY)
    assert text.endswith("\nhelper==2.1\ntoyengine==1.0\n")
    assert str(wheels) not in text
    write_lock(text)
    assert locks.load(TOY).pins() == {"helper": "2.1", "toyengine": "1.0"}


def test_relocking_what_is_not_there_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_settings(monkeypatch)
    use_locks()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_PYTHON", sys.executable)
    relock.source(TOY).write_text("toyengine==1.0\n")
    with pytest.raises(RecipeError, match="needs a date"):
        relock.relock(TOY)
    relock.source(TOY).write_text("# as of 2099-01-01\ntoyengine==1.0\n")
    with pytest.raises(RecipeError, match="could not be resolved") as raised:
        relock.relock(TOY)
    assert "toyengine" in (raised.value.why or "")


def test_the_check_fails_on_a_lock_that_would_change(monkeypatch: pytest.MonkeyPatch) -> None:
    use_locks()
    write_lock("old\n")
    monkeypatch.setattr(registry, "release", {TOY.name: TOY}.__getitem__)
    monkeypatch.setattr(relock, "relock", lambda _release: "new\n")

    def lock(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(env, ["lock", TOY.name, *words])
        return done.exit_code, done.output.split()[-1]

    assert lock("--check") == (1, "changed")
    assert TOY.lock.read_text() == "old\n"
    assert lock() == (0, "changed")
    assert TOY.lock.read_text() == "new\n"
    assert lock("--check") == (0, "unchanged")
