"""`recipe env` as a user meets it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from envs_support import TOY, FakeUv, clear_settings, use_locks

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.cli import cli
from orchestrator.cli.env import ReleaseName
from orchestrator.engines import registry
from orchestrator.envs import diagnosis
from orchestrator.envs.environment import Environment
from orchestrator.envs.health import Health
from orchestrator.envs.worklog import WorkLog


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeUv:
    clear_settings(monkeypatch)
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "cache"))
    use_locks()
    monkeypatch.setattr(registry, "all_releases", lambda: [TOY])
    monkeypatch.setattr(registry, "release", {TOY.name: TOY}.__getitem__)
    fake = FakeUv(tmp_path / "uv")
    monkeypatch.setenv("RECIPE_UV", str(fake.program))
    return fake


def recipe(*words: str) -> Result:
    result = CliRunner().invoke(cli, ["env", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_install_list_and_remove(uv: FakeUv) -> None:
    assert recipe("list").output.split() == ["toyengine@1.0", "not", "installed"]
    installed = recipe("install", "toyengine@1.0")
    assert "toyengine@1.0 is ready" in installed.stderr
    assert installed.stdout.startswith("toyengine@1.0: ")
    assert "ready" in recipe("list").output
    [row] = json.loads(recipe("list", "--json").output)
    assert row["status"] == "ready"
    assert row["managed"] is True
    assert row["bytes"] > 0
    assert f"removed {row['path']}" in recipe("remove", "toyengine@1.0", "-y").output
    assert not Path(row["path"]).exists()
    [row] = json.loads(recipe("list", "--json").output)
    assert row["status"] == "not installed"


def test_installing_again_is_quiet(uv: FakeUv) -> None:
    recipe("install", "toyengine@1.0")
    again = recipe("install", "toyengine@1.0")
    assert again.stderr == ""
    assert again.exit_code == 0


def test_off_a_terminal_progress_is_plain_lines(uv: FakeUv) -> None:
    uv.order(install={"says": ["Downloading torch (873.9MiB)", "noise", " Downloaded torch"]})
    lines = recipe("install", "toyengine@1.0").stderr.splitlines()
    assert lines[1:3] == ["Downloading torch (873.9MiB)", "Downloaded torch"]
    assert not any("\x1b" in line or "\r" in line for line in lines)


def test_nothing_is_removed_unasked(uv: FakeUv) -> None:
    recipe("install", "toyengine@1.0")
    with pytest.raises(UsageError, match="Nothing was removed"):
        recipe("remove", "toyengine@1.0")
    assert "ready" in recipe("list").output


def test_removing_what_is_not_there_says_so(uv: FakeUv) -> None:
    with pytest.raises(UsageError, match="nothing of toyengine"):
        recipe("remove", "toyengine@1.0", "-y")


def test_a_backend_and_an_own_python_exclude_each_other(uv: FakeUv) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        recipe("install", "toyengine@1.0", "--python", "/p", "--torch-backend", "cpu")


def test_names_complete(uv: FakeUv) -> None:
    def names(start: str) -> list[str]:
        found = ReleaseName().shell_complete(None, None, start)  # type: ignore[arg-type]
        return [one.value for one in found]

    assert names("toy") == ["toyengine@1.0"]
    assert names("x") == []


GPU = {"name": "Tesla", "bytes": 16 * 2**30, "compute": "7.5"}
GOOD = {
    "torch": {"version": "2.5.1", "cuda": "12.4", "gpus": [GPU]},
    "bitsandbytes": {"version": "0.45.0", "device": "cuda", "off": 0.0},
    "deepspeed": {"version": "0.16.2", "nvcc": True, "compiler": "/usr/bin/g++"},
}


def doctor(monkeypatch: pytest.MonkeyPatch, **changes: object) -> Result:
    """The doctor on the toy engine, which has no devices of its own to try."""
    asked = diagnosis.health.probe

    def probe(environment: Environment, log: WorkLog, *, devices: bool) -> Health:
        assert devices
        return replace(asked(environment, log), devices={**GOOD, **changes})  # type: ignore[arg-type]

    monkeypatch.setattr(diagnosis.health, "probe", probe)
    return recipe("doctor", "toyengine@1.0")


def test_a_whole_release_passes(uv: FakeUv, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe("install", "toyengine@1.0")
    result = doctor(monkeypatch)
    assert result.exit_code == 0
    for words in ("import toyengine.train", "Tesla, 16 GiB, compute 7.5", "4 bits work (cuda)"):
        assert words in result.output
    assert "broken" not in result.output


def test_the_doctor_says_what_it_is_doing(uv: FakeUv) -> None:
    recipe("install", "toyengine@1.0")
    result = recipe("doctor", "toyengine@1.0", "--json")
    steps = ["importing toyengine.train", "importing toyengine.chat"]
    steps += [f"trying {name}" for name in ("torch", "bitsandbytes", "deepspeed")]
    assert result.stderr.splitlines()[1:] == steps
    assert "toyengine@1.0" in result.stderr.splitlines()[0]
    assert json.loads(result.stdout)["toyengine@1.0"], "and its output stays what it was"


def test_a_device_that_ends_python_does_not_hide_the_rest(uv: FakeUv) -> None:
    """A driver that crashes takes Python with it; what was learnt before is still told."""
    crash = "import os, sys\nif '--devices' in sys.argv: os._exit(6)"
    uv.order(modules={"__init__": "", "train": "", "chat": crash})
    recipe("install", "toyengine@1.0")
    result = recipe("doctor", "toyengine@1.0")
    assert result.exit_code == 1
    assert "ok      import toyengine.train" in result.stdout
    assert "its Python ended in the middle: recipe: importing toyengine.chat" in result.stdout


@pytest.mark.parametrize(
    ("changes", "code", "words", "step"),
    [
        ({"torch": {"error": "RuntimeError: driver too old"}}, 1, "driver too old", "nvidia-smi"),
        ({"bitsandbytes": {"error": "no kernel"}}, 1, "to 4 bits here: no kernel", "method: lora"),
        (
            {"bitsandbytes": {"version": "1", "device": "cuda", "off": 3.0}},
            1,
            "wrong values",
            "lora",
        ),
        ({"deepspeed": {"missing": "deepspeed"}}, 1, "no module deepspeed", "train.deepspeed"),
        (
            {"deepspeed": {"version": "0.16.2", "nvcc": False, "compiler": None}},
            0,
            "no nvcc and no g++",
            "CUDA toolkit",
        ),
        (
            {
                "torch": {"version": "2.5.1+cpu", "cuda": None, "gpus": []},
                "bitsandbytes": {"missing": "bitsandbytes"},
            },
            0,
            "rehearsals only",
            "",
        ),
    ],
)
def test_each_fault_has_its_next_step(
    uv: FakeUv,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
    code: int,
    words: str,
    step: str,
) -> None:
    recipe("install", "toyengine@1.0")
    result = doctor(monkeypatch, **changes)
    assert result.exit_code == code
    assert words in result.output
    assert step in result.output
    assert ("broken" in result.output) is (code == 1)


def test_a_tool_that_no_longer_imports_is_broken(
    uv: FakeUv, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe("install", "toyengine@1.0")
    [row] = json.loads(recipe("list", "--json").output)
    for path in Path(row["path"]).rglob("toyengine/chat.py"):
        path.write_text("import nowhere\n")
    result = doctor(monkeypatch)
    assert result.exit_code == 1
    assert "No module named 'nowhere'; the package of nowhere is not installed" in result.output
    assert "recipe env remove toyengine@1.0 -y" in result.output


def test_a_release_that_is_not_installed_is_broken_only_when_asked_for(uv: FakeUv) -> None:
    assert recipe("doctor").exit_code == 0
    asked = recipe("doctor", "toyengine@1.0", "--json")
    assert asked.exit_code == 1
    findings = json.loads(asked.stdout)["toyengine@1.0"]
    assert findings[0]["what"] == "toyengine@1.0 is not installed"
    assert findings[0]["fix"] == "recipe env install toyengine@1.0"


def test_a_failed_installation_reaches_the_user(uv: FakeUv) -> None:
    uv.order(venv={"exits": 2, "says": ["error: No space left on device (os error 28)"]})
    with pytest.raises(RecipeError, match="could not be set up") as raised:
        recipe("install", "toyengine@1.0")
    assert "the disk is full" in (raised.value.why or "")


@pytest.mark.parametrize("place", ["/dev/null/cache", "/proc/cache", "/sys/cache"])
def test_a_cache_folder_that_cannot_be_used_is_the_users(
    uv: FakeUv, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a folder, nothing can be made there, read-only: named in words, with the setting."""
    monkeypatch.setenv("RECIPE_CACHE", place)
    with pytest.raises(RecipeError) as raised:
        recipe("install", "toyengine@1.0")
    assert (raised.value.where or "").startswith(place)
    assert "RECIPE_CACHE" in (raised.value.fix or "")


@pytest.mark.parametrize("words", [("list",), ("doctor",), ("remove", "toyengine@1.0", "-y")])
def test_an_environments_folder_that_cannot_be_read_is_the_users(
    uv: FakeUv, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "envs").write_text("a file stands where the folder should be")
    with pytest.raises(RecipeError, match="cannot be used") as raised:
        recipe(*words)
    assert raised.value.why == "Not a directory"
    assert "RECIPE_CACHE" in (raised.value.fix or "")


def test_a_name_that_is_nearly_right_is_shown(uv: FakeUv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for name, near in (("xtunr@0.2.0", "xtuner@0.2.0"), ("xtuner@0.2", "xtuner@0.2.0")):
        with pytest.raises(UsageError) as raised:
            recipe("doctor", name)
        assert f"did you mean {near}?" in (raised.value.fix or "").replace(
            " or ", "? did you mean "
        )


def test_the_doctor_works_where_nothing_can_be_written(uv: FakeUv, tmp_path: Path) -> None:
    """A class shares one cache that only its teacher may write to."""
    recipe("install", "toyengine@1.0")
    logs = tmp_path / "cache" / "logs"
    logs.rename(tmp_path / "away")
    logs.write_text("no folder")
    assert "ok      import toyengine.train" in recipe("doctor", "toyengine@1.0").stdout
    recipe("remove", "toyengine@1.0", "-y")
    with pytest.raises(RecipeError, match="cannot be used") as raised:
        recipe("install", "toyengine@1.0")
    assert raised.value.where == str(logs)
