"""An environment is a value: where its Python is, and the variables to run its programs with."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.envs.release import Release

SHELL = "bash"
#: What would point the engine's Python at somebody else's modules.
_SCRUBBED = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


@dataclass(frozen=True)
class Environment:
    """One engine release, installed and seen to import.

    ``lock_digest`` is the sha256 of what was installed: the lock's pins (with the torch backend
    and the checkouts, where there are any), or the list of versions in a Python of the user's own.
    ``sources`` is the folder of the release's checkouts.
    """

    release: Release
    python: Path
    managed: bool
    lock_digest: str
    sources: Path | None = None

    @property
    def bin(self) -> Path:
        return self.python.parent

    @property
    def root(self) -> Path:
        return self.bin.parent

    def environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """A new set of variables from ``base``; neither ``base`` nor os.environ is changed.

        The environment's bin folder comes first in PATH: XTuner's command starts its tools with a
        bare ``python``.
        """
        env = {key: value for key, value in base.items() if key not in _SCRUBBED}
        env["PATH"] = os.pathsep.join([str(self.bin), base.get("PATH") or os.defpath])
        env["PYTHONNOUSERSITE"] = "1"
        if (
            self.managed
        ):  # our own folder: without its bytecode every import compiles anew, for 10 s
            env.pop("PYTHONDONTWRITEBYTECODE", None)
        if (self.root / "pyvenv.cfg").is_file():
            env["VIRTUAL_ENV"] = str(self.root)
        return env | {name: str(path) for name, path in self.checkouts.items()}

    def which(self, program: str) -> Path:
        """The program in the environment's own bin folder, never one from elsewhere; bash is the
        system's."""
        path = self.bin / program
        if program == SHELL:  # no environment has one: a script that was rendered is its argument
            path = Path(shutil.which(program) or path)
        if os.access(path, os.X_OK) and path.is_file():
            return path
        raise RecipeError(
            say(
                f"The environment of {self.release.name} has no program {program!r}.",
                f"{self.release.name} 的环境中没有程序 {program!r}。",
            ),
            where=str(path),
            why=say(
                "the engine is not whole there, or was changed after it was installed",
                "其中的引擎不完整，或安装后被改动过",
            ),
            fix=f"recipe env doctor {self.release.name}",
        )

    def checkout(self, name: str) -> Path:
        """The folder of the release's checkout of that name."""
        return (self.sources or self.root / "src") / name

    @property
    def checkouts(self) -> dict[str, Path]:
        """The variables by which the engine's commands find the release's checkouts."""
        return {one.variable: self.checkout(one.name) for one in self.release.checkouts}

    @property
    def imports_from(self) -> list[Path]:
        """Folders of checkouts whose scripts must import."""
        found = self.release.checkouts
        return [self.checkout(one.name) / one.folder for one in found if one.folder]

    @property
    def rebuild(self) -> str:
        """The command that makes it whole again."""
        name = self.release.name
        if self.managed:
            return f"recipe env remove {name} -y && recipe env install {name}"
        return say(
            f"repair that Python, or let recipe build its own: recipe env install {name}",
            f"修复该 Python，或让 recipe 构建自己的环境：recipe env install {name}",
        )
