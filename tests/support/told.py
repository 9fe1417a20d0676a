"""A finished run of the fake engine: a training that speaks, answers and leaves its log."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support import training
from tests.support.engine_runs import REPOSITORY, only_run
from tests.support.fake_engine import RECIPE, FakeEngine
from tests.support.screen import Seen, on_screen

#: `recipe` with the environment of a fake engine: argv[1] is its folder, the rest is what is typed.
WITH_FAKE = """
import sys
from pathlib import Path
from orchestrator import cli
from orchestrator.envs import install, inventory
from tests.support.fake_engine import FakeEngine
engine = FakeEngine(Path(sys.argv[1]))
install.ensure = inventory.find = lambda *words, **more: engine.environment()
sys.argv = ["recipe", *sys.argv[2:]]
cli.main()
"""
#: Settings of whoever runs the tests, which would change what is seen.
_OWN = ("NO_COLOR", "COLUMNS", "LINES")


class Told:
    """`recipe` in a folder with small.yaml, as a process of its own."""

    def __init__(self, folder: Path, *, text: str | None = None, pause: float = 0.0) -> None:
        self.engine = FakeEngine.make(folder / "engine")
        said = training.log(memory=8032) if text is None else text
        self.engine.behave("train", training.speaking(said, pause=pause))
        self.here = folder / "here"
        self.here.mkdir(parents=True)
        (self.here / "small.yaml").write_text(RECIPE, encoding="utf-8")

    def _argv(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-c", WITH_FAKE, str(self.engine.root), *words]

    @staticmethod
    def _env(more: Mapping[str, str]) -> dict[str, str]:
        plain = {"PYTHONPATH": str(REPOSITORY), "TERM": "xterm", "RECIPE_LANG": "en"}
        kept = {key: value for key, value in os.environ.items() if key not in _OWN}
        return {**kept, **plain, **more}

    def seen(self, *words: str, columns: int = 80, **env: str) -> Seen:
        """What a person sees on a terminal of that width."""
        return on_screen(self._argv(words), columns=columns, cwd=self.here, env=self._env(env))

    def piped(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The same without a terminal."""
        return subprocess.run(
            self._argv(words),
            cwd=self.here,
            env=self._env(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=120,
            check=False,
        )

    @property
    def run(self) -> Path:
        return only_run(self.here)
