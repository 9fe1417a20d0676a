"""Source checkouts: fetched at their commit, from where a setting says, and never half."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from envs_support import TOY, FakeUv, clear_settings, use_locks, write_lock

from orchestrator.base.errors import RecipeError
from orchestrator.engines import registry
from orchestrator.envs import diagnosis, install, inventory, locks, sources
from orchestrator.envs.release import Checkout, Release
from orchestrator.running import workflow

SETTING = "RECIPE_SOURCE_TOYENGINE_1_0"


def git(folder: Path, *words: str) -> str:
    argv = ["git", "-c", "user.name=t", "-c", "user.email=t@example.test", *words]
    env = {name: value for name, value in os.environ.items() if name != "GIT_DIR"}
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, name: str, text: str) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-m", name)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """The engine's repository: its released commit is not the newest one."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    git(folder, "init", "--quiet")
    commit(folder, "README", "first")
    git(folder, "tag", "released")
    commit(folder, "demo/train.py", "print('trained')\n")
    git(folder, "tag", "-f", "released")
    commit(folder, "demo/train.py", "print('newer')\n")
    return folder


@pytest.fixture
def release(upstream: Path) -> Release:
    hexes = git(upstream, "rev-parse", "released")
    checkout = Checkout(name="Toy", url=str(upstream), commit=hexes, folder="demo")
    return replace(TOY, checkouts=(checkout,))


@pytest.fixture(autouse=True)
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeUv:
    clear_settings(monkeypatch)
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another"))  # as in a git hook
    use_locks()
    fake = FakeUv(tmp_path / "uv")
    monkeypatch.setenv("RECIPE_UV", str(fake.program))
    return fake


def test_the_released_commit_is_checked_out(release: Release) -> None:
    said: list[str] = []
    made = install.ensure(release, progress=said.append)
    assert (made.checkout("Toy") / "demo" / "train.py").read_text() == "print('trained')\n"
    assert any(line.startswith("fetching Toy at ") for line in said)
    assert inventory.find(release) == made
    assert install.ensure(release) == made
    assert [folder.status for folder in inventory.installed([release])] == ["ready"]
    inventory.remove(release)
    assert not made.checkout("Toy").exists()


def test_only_that_commit_is_fetched_where_the_other_side_allows_it(release: Release) -> None:
    made = install.ensure(release)
    assert git(made.checkout("Toy"), "rev-list", "--count", "HEAD") == "1"


def test_only_the_folders_that_are_named_are_fetched(release: Release, upstream: Path) -> None:
    """A mirror may have lost a picture, and nothing else of the repository is wanted."""
    commit(upstream, "pictures/large.png", "not a small one")
    commit(upstream, "more/client.py", "print('a client')\n")
    hexes = git(upstream, "rev-parse", "HEAD")
    blob = git(upstream, "rev-parse", "HEAD:pictures/large.png")
    (upstream / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    checkout = replace(release.checkouts[0], commit=hexes, also=("more",))
    made = install.ensure(replace(release, checkouts=(checkout,)))
    there = made.checkout("Toy")
    assert (there / "demo" / "train.py").is_file()
    assert (there / "more" / "client.py").is_file()
    assert not (there / "pictures").exists()
    assert sources.faults(made) == []
    assert str(upstream) not in (there / ".git" / "config").read_text()


def test_the_engines_commands_find_the_checkout_by_a_variable(release: Release) -> None:
    made = install.ensure(release)
    assert made.environ({"PATH": "/usr/bin"})["TOY"] == str(made.checkout("Toy"))


def test_a_script_of_the_checkout_that_does_not_import_is_a_fault(
    release: Release, upstream: Path
) -> None:
    commit(upstream, "demo/finetune.py", "import helper_beside_it\n")
    commit(upstream, "demo/helper_beside_it.py", "import no_such_package\n")
    [checkout] = release.checkouts
    broken = replace(checkout, commit=git(upstream, "rev-parse", "HEAD"))
    with pytest.raises(RecipeError, match="cannot be imported") as caught:
        install.ensure(replace(release, checkouts=(broken,), imports=("finetune",)))
    assert "no_such_package" in str(caught.value.why)


@pytest.mark.parametrize("form", ["file://{}", "{}", "{}/.git"])
def test_a_setting_names_another_place(
    release: Release, upstream: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [checkout] = release.checkouts
    elsewhere = replace(release, checkouts=(replace(checkout, url="file:///nowhere"),))
    monkeypatch.setenv(SETTING, form.format(upstream))
    made = install.ensure(elsewhere)
    assert (made.checkout("Toy") / "demo" / "train.py").read_text() == "print('trained')\n"


def test_a_server_that_gives_branches_only_is_asked_for_all(
    release: Release, upstream: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old protocol refuses a commit that no branch or tag names."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.version")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "0")
    git(upstream, "tag", "-d", "released")
    monkeypatch.setenv(SETTING, f"file://{upstream}")
    made = install.ensure(release)
    assert (made.checkout("Toy") / "demo" / "train.py").read_text() == "print('trained')\n"
    assert git(made.checkout("Toy"), "rev-list", "--count", "--all") == "3"


def test_changes_in_a_local_folder_are_said_not_to_be_used(
    release: Release, upstream: Path
) -> None:
    (upstream / "demo" / "train.py").write_text("print('mine')\n")
    said: list[str] = []
    made = install.ensure(release, progress=said.append)
    assert f"{upstream} has changes without a commit: they are not used" in said
    assert (made.checkout("Toy") / "demo" / "train.py").read_text() == "print('trained')\n"


@pytest.mark.parametrize(
    ("place", "cause"),
    [
        ("http://127.0.0.1:9/toy.git", "it cannot be reached"),
        ("http://no-such-host.invalid/toy.git", "it cannot be reached"),
        ("file:///nowhere/toy", "there is no git repository"),
        ("{tmp}/uv", "there is no git repository"),
        ("{tmp}/other", "it does not hold that commit"),
    ],
)
def test_a_place_that_lacks_it_is_a_clear_error(
    release: Release, tmp_path: Path, place: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    git(tmp_path / "other", "init", "--quiet")
    commit(tmp_path / "other", "file", "text")
    monkeypatch.setenv(SETTING, place.format(tmp=tmp_path))
    with pytest.raises(RecipeError, match=r"Toy, the source of toyengine@1.0, could not") as raised:
        install.ensure(release)
    error = raised.value
    assert cause in (error.why or "")
    assert "fatal: " in (error.why or ""), "git's own words"
    assert f"export {SETTING}=FOLDER" in (error.fix or "")
    assert inventory.installed([release]) == [], "nothing half-built stays behind"


def test_a_password_in_the_address_is_not_shown(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, "http://me:secret@127.0.0.1:9/toy.git")
    said: list[str] = []
    with pytest.raises(RecipeError) as raised:
        install.ensure(release, progress=said.append)
    logs = "".join(path.read_text() for path in tmp_path.glob("cache/logs/*.log"))
    assert "127.0.0.1:9/toy.git" in logs
    assert "secret" not in f"{raised.value}{said}{logs}"


def test_a_folder_that_the_release_names_must_be_there(release: Release) -> None:
    [checkout] = release.checkouts
    other = replace(release, checkouts=(replace(checkout, folder="finetune"),))
    with pytest.raises(RecipeError, match="does not fit the release") as raised:
        install.ensure(other)
    assert raised.value.why == "Toy has no folder finetune"
    assert inventory.installed([other]) == []


def changed(path: Path) -> None:
    (path / "demo" / "train.py").write_text("print('mine')\n")


def moved(path: Path) -> None:
    commit(path, "demo/train.py", "print('my commit')\n")


def emptied(path: Path) -> None:
    (path / ".git").rename(path.with_name("away"))


@pytest.mark.parametrize(
    ("harm", "words"),
    [(changed, "demo/train.py"), (moved, ", not at "), (emptied, "is not checked out")],
)
def test_a_checkout_that_was_changed_is_refused_and_kept(
    release: Release, harm: object, words: str
) -> None:
    """Whoever edits the source finds the edits where they were, and is told."""
    made = install.ensure(release)
    harm(made.checkout("Toy"))  # type: ignore[operator]
    text = (made.checkout("Toy") / "demo" / "train.py").read_text()
    with pytest.raises(RecipeError, match="was changed after it was checked out") as raised:
        install.ensure(release)
    assert words in (raised.value.why or "")
    assert (made.checkout("Toy") / "demo" / "train.py").read_text() == text
    assert [folder.status for folder in inventory.installed([release])] == ["broken"]
    broken = [one.what for one in diagnosis.doctor(release) if one.level == "broken"]
    assert any(words in line for line in broken)
    inventory.remove(release, leftovers=True)
    assert (install.ensure(release).checkout("Toy") / "demo" / "train.py").is_file()


def test_what_was_changed_is_kept_also_where_the_environment_is_made_again(
    release: Release,
) -> None:
    """Its Python is gone, or something was installed into a Python of the user's own."""
    made = install.ensure(release)
    own = install.ensure(TOY).python
    theirs = install.ensure(release, python=own)
    site = next((own.parents[1] / "lib").glob("python*/site-packages"))
    for environment in (made, theirs):
        changed(environment.checkout("Toy"))
    made.python.unlink()
    (site / "more.pth").write_text("")
    for environment, python in ((made, None), (theirs, own)):
        with pytest.raises(RecipeError, match="was changed after it was checked out"):
            install.ensure(release, python=python)
        text = (environment.checkout("Toy") / "demo" / "train.py").read_text()
        assert text == "print('mine')\n"


def test_a_run_does_not_start_on_a_changed_checkout(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`recipe run` finds the environment ready by its state alone, and still looks."""
    changed(install.ensure(release).checkout("Toy"))
    request = SimpleNamespace(python=None, identity=dict)
    job = SimpleNamespace(release=release, rehearsal=True)
    asked: Any = SimpleNamespace(request=request, job=job, recipe=None)
    at_once: Any = lambda job, root, reporter, environment, **options: environment()  # noqa: E731
    monkeypatch.setattr(workflow, "Runner", at_once)
    monkeypatch.setattr(workflow, "expected", lambda _recipe: None)
    nothing: Any = None
    with pytest.raises(RecipeError, match="was changed after it was checked out"):
        workflow.execute(asked, tmp_path, nothing, nothing)


def test_what_running_leaves_behind_is_no_change(release: Release) -> None:
    made = install.ensure(release)
    (made.checkout("Toy") / "demo" / "__pycache__").mkdir()
    (made.checkout("Toy") / "demo" / "__pycache__" / "train.pyc").write_text("")
    assert install.ensure(release) == made


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_cache_that_belongs_to_somebody_else_can_be_used(release: Release) -> None:
    made = install.ensure(release)
    for path in [made.checkout("Toy"), *made.checkout("Toy").rglob("*")]:
        os.chown(path, 12345, 12345)
    assert install.ensure(release) == made


def test_another_commit_is_another_environment(release: Release, upstream: Path) -> None:
    made = install.ensure(release)
    [checkout] = release.checkouts
    newest = git(upstream, "rev-parse", "HEAD")
    newer = replace(release, checkouts=(replace(checkout, commit=newest),))
    assert inventory.find(newer) is None
    other = install.ensure(newer)
    assert other.root != made.root
    assert (other.checkout("Toy") / "demo" / "train.py").read_text() == "print('newer')\n"
    assert locks.load(release).digest != locks.load(TOY).digest


def test_a_python_of_ones_own_gets_the_checkouts_too(release: Release, uv: FakeUv) -> None:
    own = install.ensure(TOY).python
    write_lock("toyengine==1.0\nmore==1\n")
    made = install.ensure(release, python=own)
    assert not made.managed
    assert (made.checkout("Toy") / "demo" / "train.py").read_text() == "print('trained')\n"
    assert made.checkout("Toy").is_relative_to(inventory.foreign_root(release, own))


def test_a_python_of_ones_own_that_fails_leaves_no_checkouts_behind(release: Release) -> None:
    own = install.ensure(TOY).python
    site = next((own.parents[1] / "lib").glob("python*/site-packages"))
    (site / "toyengine" / "train.py").write_text("import nowhere\n")
    with pytest.raises(RecipeError, match="cannot be imported"):
        install.ensure(release, python=own)
    assert not inventory.foreign_root(release, own).exists()


def test_without_git_the_error_says_so(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RecipeError, match="The program git") as raised:
        install.ensure(release)
    assert "install git" in (raised.value.fix or "")


def test_a_setting_has_a_name_for_each_checkout(release: Release) -> None:
    [checkout] = release.checkouts
    assert sources.setting_of(release, checkout) == SETTING
    both = replace(release, checkouts=(checkout, replace(checkout, name="Second-One")))
    assert sources.setting_of(both, both.checkouts[1]) == f"{SETTING}_SECOND_ONE"


def test_every_registered_checkout_names_a_whole_commit() -> None:
    checkouts = [one for release in registry.all_releases() for one in release.checkouts]
    assert all(len(one.commit) == 40 and int(one.commit, 16) >= 0 for one in checkouts)
