"""What all tests share: golden files, the real data of the tutorials, a clean set of variables."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parent
GOLDEN = TESTS / "golden"
_OWN_SETTINGS = ("RECIPE_SET_", "RECIPE_PATH", "RECIPE_RUNS")

settings.register_profile("recipe", deadline=None, print_blob=True)
settings.register_profile("quick", settings.get_profile("recipe"), max_examples=20)
settings.load_profile("recipe")


def pytest_configure() -> None:
    """Ctrl-C must work in tests of Ctrl-C: a shell starts background jobs with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A model in the tester's own caches would make a rehearsal another one.
    nowhere = Path(tempfile.gettempdir()) / f"recipe-tests-without-models-{os.getuid()}"
    os.environ.pop("HF_HUB_CACHE", None)
    os.environ.update({"MODELSCOPE_CACHE": str(nowhere), "HF_HOME": str(nowhere)})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden files instead of comparing"
    )


# Before xdist reads the groups: its own hook comes first otherwise, and finds none.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    limited = config.pluginmanager.hasplugin("timeout")
    parallel = config.pluginmanager.hasplugin("xdist")
    for item in items:
        real = (TESTS / "engine") in item.path.parents
        if real:
            item.add_marker("engine")
        if parallel:
            # A file stays on one worker, which makes its fixtures once. All of tests/engine/ does,
            # for one engine runs at a time; the unit tests go on beside it on the other worker.
            name = item.path.stem
            if real:
                several = int(os.environ.get("RECIPE_ENGINE_SLOTS", "1")) > 1
                name = name.split("_")[1] if several else "engine"
            item.add_marker(pytest.mark.xdist_group(name))
        if limited and item.get_closest_marker("timeout") is None:
            # A test that hangs must not take the others with it; an engine may have to be built,
            # and other programs may keep every core busy.
            item.add_marker(pytest.mark.timeout(3600 if real else 600))


@pytest.fixture(autouse=True)
def _no_settings_of_the_tester(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the person who runs the tests has set for recipes of their own must not leak in."""
    for name in list(os.environ):
        if name.startswith(_OWN_SETTINGS):
            monkeypatch.delenv(name)
    monkeypatch.delenv("COLUMNS", raising=False)  # test workers set it, and output follows it
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("RECIPE_LANG", "en")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with tests/golden/NAME, or write it there under --update-golden."""

    def same(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is missing: run pytest --update-golden and read it"
        assert text == path.read_text(encoding="utf-8")

    return same


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The tutorials' own files, which the project does not ship (RECIPE_SHARED_DATA)."""
    named = os.environ.get("RECIPE_SHARED_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the tutorials' own files are not on this machine (RECIPE_SHARED_DATA)")
    return folder
