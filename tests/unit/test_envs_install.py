"""Building an environment: once, whole, and mended after whatever cut the last one off."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from envs_support import TOY, FakeUv, clear_settings, script, use_locks, write_lock

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.envs import install, inventory, locks
from orchestrator.envs.release import setting


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeUv:
    clear_settings(monkeypatch)
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "cache"))
    use_locks()
    fake = FakeUv(tmp_path / "uv")
    monkeypatch.setenv("RECIPE_UV", str(fake.program))
    return fake


def folders(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "cache" / "envs").iterdir() if path.is_dir()]


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def test_it_installs_on_first_use_and_only_then(uv: FakeUv) -> None:
    assert inventory.find(TOY) is None
    said: list[str] = []
    made = install.ensure(TOY, progress=said.append)
    assert inventory.find(TOY) == made
    assert install.ensure(TOY) == made
    assert uv.verbs() == ["venv", "pip sync"]
    assert made.managed
    assert made.root.name.startswith("toyengine-1.0-")
    assert said[0].startswith("installing toyengine@1.0 with Python")
    assert said[-1].startswith("toyengine@1.0 is ready")


def test_what_uv_is_asked(uv: FakeUv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/mine")
    TOY.lock.with_name("build-constraints.txt").write_text("setuptools==75.8.2\n")
    made = install.ensure(TOY)
    (venv, env), (sync, _) = uv.calls()
    assert venv == ["venv", "--no-project", "--python", TOY.python, *venv[4:]]
    assert venv[-1] == str(made.root)
    assert sync[sync.index("--python") + 1] == str(made.python)
    constraints = Path(sync[sync.index("--build-constraints") + 1])
    assert constraints == TOY.lock.with_name("build-constraints.txt")
    assert Path(sync[-1]).read_text() == "toyengine==1.0\n"
    assert not {"PYTHONPATH", "VIRTUAL_ENV"} & set(env)
    assert env["DS_BUILD_OPS"] == "0"


def test_finding_is_cheap_and_starts_nothing(uv: FakeUv, monkeypatch: pytest.MonkeyPatch) -> None:
    made = install.ensure(TOY)

    def started(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    best = 1.0
    for _ in range(20):
        start = time.perf_counter()
        assert inventory.find(TOY) == made
        best = min(best, time.perf_counter() - start)
    assert best < 0.005


def test_another_lock_is_another_environment(uv: FakeUv) -> None:
    old = install.ensure(TOY)
    write_lock("# only a comment\n\ntoyengine==1.0\n")
    assert inventory.find(TOY) == old
    write_lock("toyengine==1.0\nextra==2\n")
    assert inventory.find(TOY) is None
    new = install.ensure(TOY)
    assert new.lock_digest != old.lock_digest
    statuses = {one.root: one.status for one in inventory.installed([TOY])}
    assert statuses == {old.root: "outdated", new.root: "ready"}
    assert inventory.remove(TOY, leftovers=True) == [old.root]
    assert inventory.find(TOY) == new


def test_a_torch_backend_is_an_environment_of_its_own(
    uv: FakeUv, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = "toyengine==1.0\nnvidia-cublas-cu12==12.4.5.8\ntorch==2.5.1\ntriton==3.1.0\n"
    write_lock(pins)
    plain = install.ensure(TOY)
    cpu = install.ensure(TOY, torch_backend="cpu")
    assert cpu.root.name.endswith("-cpu")
    assert cpu.lock_digest != plain.lock_digest
    words = uv.calls()[-1][0]
    assert words[:4] == ["pip", "install", "--torch-backend", "cpu"]
    assert (cpu.root / "requirements.txt").read_text() == "toyengine==1.0\ntorch==2.5.1\n"
    assert inventory.find(TOY) == cpu, "the one installed last is used"
    monkeypatch.setenv("UV_TORCH_BACKEND", "cpu")
    assert install.ensure(TOY) == cpu
    assert len(uv.calls()) == 4


@pytest.mark.parametrize("name", ["../../home", "cpu/..", "CU 124", "-", ""])
def test_a_backend_is_a_word(uv: FakeUv, name: str) -> None:
    """It names a folder, which may be cleared."""
    with pytest.raises(UsageError, match="no torch backend"):
        locks.load(TOY, name)
    if name:
        with pytest.raises(UsageError, match="no torch backend"):
            install.ensure(TOY, torch_backend=name)
    assert uv.calls() == []


def test_a_failed_installation_leaves_nothing_and_says_why(uv: FakeUv, tmp_path: Path) -> None:
    uv.order(install={"exits": 2, "says": ["error: Failed to fetch: `x`", "  cause: dns error"]})
    with pytest.raises(RecipeError) as raised:
        install.ensure(TOY)
    error = raised.value
    assert "toyengine@1.0 could not be installed" in error.what
    assert "cause: dns error" in (error.why or "")
    assert "PIP_INDEX_URL" in (error.fix or "")
    assert folders(tmp_path) == []
    log = Path((error.where or "").removeprefix("log: "))
    assert log.is_relative_to(tmp_path / "cache" / "logs")
    assert "cause: dns error" in log.read_text()
    uv.order()
    assert install.ensure(TOY) == inventory.find(TOY)


def test_a_tool_that_does_not_import_is_no_environment(uv: FakeUv, tmp_path: Path) -> None:
    broken = "raise ImportError(\"cannot import name 'packaging' from 'pkg_resources'\")"
    uv.order(modules={"__init__": "", "train": "", "chat": broken})
    with pytest.raises(RecipeError) as raised:
        install.ensure(TOY)
    why = raised.value.why or ""
    assert "import toyengine.chat: ImportError: cannot import name 'packaging'" in why
    assert "setuptools below 70 fits" in why
    assert "setuptools is missing" in why, "the versions of the pair are named"
    assert folders(tmp_path) == []


def test_an_import_that_ends_python_is_reported(uv: FakeUv, tmp_path: Path) -> None:
    uv.order(modules={"__init__": "", "train": "import os; os.write(1, b'abort!'); os._exit(6)"})
    with pytest.raises(RecipeError, match="cannot be imported") as raised:
        install.ensure(TOY)
    assert "abort!" in (raised.value.why or "")
    assert folders(tmp_path) == []


def test_two_builders_build_once(uv: FakeUv) -> None:
    uv.order(install={"waits": True})
    command = script("print(ensure(TOY, progress=lambda line: print(line, flush=True)).root)")
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    wait_for(uv.started)
    [folder] = inventory.installed([TOY])
    here = f"process {first.pid} on host {socket.gethostname()}"
    assert (folder.status, folder.owner) == ("being built", here)
    second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert second.stdout is not None
    waits = f"another recipe is building toyengine@1.0 ({here}); waiting\n"
    assert second.stdout.readline() == waits
    uv.go()
    out, other = first.communicate()[0], second.communicate()[0]
    assert (first.returncode, second.returncode) == (0, 0)
    assert uv.verbs() == ["venv", "pip sync"]
    assert out.splitlines()[-1] == other.splitlines()[-1]


def test_killed_half_way_it_is_built_again(uv: FakeUv) -> None:
    """The uv of a killed builder keeps the lock until it ends, so nothing is cleared under it."""
    uv.order(install={"waits": True})
    with subprocess.Popen(script("ensure(TOY)")) as builder:
        wait_for(uv.started)
        builder.kill()
    assert builder.returncode == -signal.SIGKILL
    assert inventory.find(TOY) is None
    os.kill(int(uv.started.read_text()), 0)  # the orphan is still at work
    assert [folder.status for folder in inventory.installed([TOY])] == ["being built"]
    said: list[str] = []

    def progress(line: str) -> None:
        said.append(line)
        uv.go()

    made = install.ensure(TOY, progress=progress)
    waits = f"another recipe is building toyengine@1.0 (process {builder.pid} on host "
    assert said[0].startswith(waits)
    assert said[1] == "clearing toyengine@1.0, which was left half built"
    assert inventory.find(TOY) == made
    assert [folder.status for folder in inventory.installed([TOY])] == ["ready"]


def test_what_nobody_builds_any_more_is_unfinished(uv: FakeUv) -> None:
    made = install.ensure(TOY)
    (made.root / inventory.FILE).unlink()
    [folder] = inventory.installed([TOY])
    assert (folder.status, folder.owner) == ("unfinished", None)


def test_interrupted_it_ends_uv_and_clears_up(uv: FakeUv, tmp_path: Path) -> None:
    uv.order(install={"waits": True})
    with subprocess.Popen(script("ensure(TOY)"), stderr=subprocess.PIPE) as builder:
        wait_for(uv.started)
        builder.send_signal(signal.SIGINT)
        builder.communicate(timeout=240)
    assert builder.returncode != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(uv.started.read_text()), 0)
    assert folders(tmp_path) == []


def test_an_environment_whose_python_is_gone_is_broken(uv: FakeUv) -> None:
    made = install.ensure(TOY)
    made.python.unlink()
    assert inventory.find(TOY) is None
    assert [one.status for one in inventory.installed([TOY])] == ["broken"]
    assert install.ensure(TOY) == made
    assert uv.verbs().count("venv") == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"version": 99}'])
def test_a_damaged_state_file_means_not_finished(uv: FakeUv, text: str) -> None:
    made = install.ensure(TOY)
    (made.root / inventory.FILE).write_text(text)
    assert inventory.find(TOY) is None
    assert install.ensure(TOY) == made


def test_the_wrong_base_python_is_named(uv: FakeUv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPE_PYTHON", "/some/python3.8")
    uv.order(venv={"version": "3.8.1"})
    with pytest.raises(UsageError, match="is locked for Python") as raised:
        install.ensure(TOY)
    assert raised.value.where == "RECIPE_PYTHON=/some/python3.8"
    assert raised.value.why == "that is Python 3.8.1"
    assert uv.calls()[0][0][3] == "/some/python3.8"


def test_no_python_says_how_to_give_one(uv: FakeUv) -> None:
    line = "error: No interpreter found for Python 3.11 in managed installations or search path"
    uv.order(venv={"exits": 2, "says": [line]})
    with pytest.raises(RecipeError, match="could not be set up") as raised:
        install.ensure(TOY)
    assert "RECIPE_PYTHON" in (raised.value.fix or "")
    assert "--python" in (raised.value.fix or "")


def test_a_missing_uv_is_a_clear_error(uv: FakeUv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPE_UV", "/nowhere/uv")
    with pytest.raises(RecipeError) as raised:
        install.ensure(TOY)
    assert raised.value.where == "/nowhere/uv"
    assert "RECIPE_UV" in (raised.value.fix or "")


def test_a_cache_that_is_a_file_is_a_clear_error(
    uv: FakeUv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "file"))
    with pytest.raises(RecipeError) as raised:
        install.ensure(TOY)
    assert "RECIPE_CACHE" in (raised.value.fix or "")


# A Python of the user's own


@pytest.fixture
def own(uv: FakeUv) -> Path:
    """A virtual environment, made by hand, that holds the toy engine."""
    python = uv.folder / "own" / "bin" / "python"
    for words in (["venv", str(python.parents[1])], ["pip", "sync", "--python", str(python)]):
        subprocess.run([sys.executable, str(uv.program), *words], check=True)
    (uv.folder / "calls.jsonl").unlink()
    return python


def test_an_own_python_stands_in(uv: FakeUv, own: Path) -> None:
    made = install.ensure(TOY, python=own)
    assert (made.python, made.bin, made.root) == (own, own.parent, own.parents[1])
    assert not made.managed
    assert uv.calls() == []
    assert inventory.find(TOY, python=own) == made
    assert inventory.find(TOY) is None, "used once is not chosen for good"


def test_an_own_python_can_be_chosen_and_forgotten(uv: FakeUv, own: Path) -> None:
    made = install.ensure(TOY, python=own, choose=True)
    assert inventory.find(TOY) == made
    assert install.ensure(TOY) == made
    assert uv.calls() == []
    inventory.remove(TOY)
    assert inventory.find(TOY) is None
    assert own.exists()


def test_the_setting_names_an_own_python(
    uv: FakeUv, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert setting("PYTHON", TOY) == "RECIPE_PYTHON_TOYENGINE_1_0"
    monkeypatch.setenv("RECIPE_PYTHON_TOYENGINE_1_0", str(own))
    assert inventory.find(TOY) is None, "it was never checked"
    assert install.ensure(TOY).python == own
    assert inventory.find(TOY) == install.ensure(TOY)


def test_a_changed_own_python_is_checked_again(uv: FakeUv, own: Path) -> None:
    before = install.ensure(TOY, python=own)
    site = next((own.parents[1] / "lib").glob("python*/site-packages"))
    (site / "more-1.0.dist-info").mkdir()
    (site / "more-1.0.dist-info" / "METADATA").write_text("Name: more\nVersion: 1.0\n")
    assert inventory.find(TOY, python=own) is None
    after = install.ensure(TOY, python=own)
    assert after.lock_digest != before.lock_digest


def test_a_chosen_python_stays_chosen_when_something_is_installed_into_it(
    uv: FakeUv, own: Path
) -> None:
    """It is looked at again; a 6 GB environment is not built behind the user's back."""
    install.ensure(TOY, python=own, choose=True)
    site = next((own.parents[1] / "lib").glob("python*/site-packages"))
    (site / "more.pth").write_text("")
    assert inventory.find(TOY) is None
    for _ in range(2):
        assert install.ensure(TOY).python == own
        assert inventory.find(TOY) == install.ensure(TOY)
    (site / "toyengine" / "train.py").write_text("import nowhere\n")
    (site / "again.pth").write_text("")
    with pytest.raises(RecipeError, match="cannot be imported"):
        install.ensure(TOY)
    own.unlink()
    with pytest.raises(UsageError, match="cannot be run") as raised:
        install.ensure(TOY)
    assert "recipe env remove toyengine@1.0 -y" in (raised.value.fix or "")
    assert uv.calls() == []


def test_what_is_built_after_a_python_was_chosen_is_used(uv: FakeUv, own: Path) -> None:
    install.ensure(TOY, python=own, choose=True)
    built = install.ensure(TOY, torch_backend="cpu")
    assert built.managed
    assert inventory.find(TOY) == install.ensure(TOY) == built
    install.ensure(TOY, python=own, choose=True)
    assert install.ensure(TOY).python == own


def test_an_own_python_without_the_release_is_refused(uv: FakeUv, own: Path) -> None:
    site = next((own.parents[1] / "lib").glob("python*/site-packages"))
    meta = site / "toyengine-1.0.dist-info" / "METADATA"
    meta.write_text(meta.read_text().replace("Version: 1.0", "Version: 2.0"))
    with pytest.raises(UsageError, match="does not hold that release") as raised:
        install.ensure(TOY, python=own)
    assert raised.value.why == "it holds toyengine 2.0"


@pytest.mark.parametrize("whole", [True, False], ids=["tools import", "tools are gone"])
def test_an_own_python_is_what_it_holds_not_the_number_that_it_says(
    uv: FakeUv, own: Path, whole: bool
) -> None:
    """XTuner V1's checkout calls itself 0.2.0."""
    known = replace(TOY, others={"toyengine.v1": "Toy Engine V1"})
    site = next((own.parents[1] / "lib").glob("python*/site-packages"))
    assert install.ensure(known, python=own).python == own
    (site / "toyengine" / "v1").mkdir()
    if not whole:
        (site / "toyengine" / "train.py").unlink()
    (site / "again.pth").write_text("")
    with pytest.raises(UsageError, match="does not hold") as raised:
        install.ensure(known, python=own)
    assert "Toy Engine V1" in (raised.value.why or "")


def test_an_own_python_that_is_not_there_is_refused(uv: FakeUv, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be run") as raised:
        install.ensure(TOY, python=tmp_path / "nothing")
    assert raised.value.why == "there is no such file"
