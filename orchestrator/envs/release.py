"""An engine release as data: its packages (a lock), its source checkouts, what it is able to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


#: The capability of a release that trains prefixes (train.method ptuning).
PTUNING = "ptuning"


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A git repository at one commit, for what an engine is made of and no index carries.

    It lies in the environment's folder; :meth:`Environment.checkout` gives the path.
    """

    name: str
    """The folder's name there."""
    url: str
    """What git clones: an address, or a folder. A setting may name another place."""
    commit: str
    """The whole hash, 40 hex digits."""
    folder: str = ""
    """A folder in the repository that the engine needs, relative; missing is a fault. What the
    release imports is looked for there too, and nothing but this folder and ``also`` is fetched."""
    also: tuple[str, ...] = ()
    """More folders that the engine needs."""

    @property
    def folders(self) -> tuple[str, ...]:
        """Every folder that must be there; none: the whole repository is wanted."""
        return (self.folder, *self.also) if self.folder else self.also

    @property
    def variable(self) -> str:
        """The variable that names the checkout for the engine's commands: TOY."""
        return re.sub(r"[^A-Z0-9]", "_", self.name.upper())


@dataclass(frozen=True, kw_only=True)
class Release:
    """One locked version of an engine in its own virtual environment."""

    engine: str
    version: str
    python: str
    """The Python it runs on, as uv takes it: "3.11"."""
    lock: Path
    """The file of its pins, beside the ``.in`` file that it is made from."""
    imports: tuple[str, ...]
    """Tool modules that must import in the environment before it counts as healthy."""
    preload: tuple[str, ...] = ()
    """What its commands import, all together: a warm worker imports it once for all of them."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Modules that this release lacks -> the program that has them, whatever number it says."""
    command: str
    """The engine's command in the environment's bin folder."""
    checkouts: tuple[Checkout, ...] = ()
    """Source checkouts beside the packages, for an engine that is no package."""
    capabilities: frozenset[str] = frozenset()
    """What this release can do that others of the engine cannot, in words of the engine's own."""
    native_standins: bool = True
    """Whether a rehearsal can do with a model of transformers' own classes in place of any other.
    Else one without the model's own code trains nothing and checks the contract."""
    standins: Mapping[str, str] = field(default_factory=dict)
    """Family -> family: what a rehearsal's stand-in must be instead in this release; "*" is any."""

    @property
    def name(self) -> str:
        return f"{self.engine}@{self.version}"


def setting(kind: str, release: Release, *more: str) -> str:
    """The name of the variable that says something of a release: RECIPE_PYTHON_XTUNER_0_2_0."""
    words = "_".join(["RECIPE", kind, release.engine, release.version, *more])
    return re.sub(r"[^A-Z0-9]", "_", words.upper())
