"""An engine release: one locked version of an engine in an environment of its own, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Release:
    """One locked version of an engine in its own virtual environment."""

    engine: str
    version: str
    python: str
    """The Python it runs on, as uv takes it: "3.11"."""
    imports: tuple[str, ...]
    """Tool modules that must import in the environment before it counts as healthy."""
    command: str
    """The engine's command in the environment's bin folder."""
    standins: Mapping[str, str] = field(default_factory=dict)
    """Family -> family: what a rehearsal's stand-in must be instead in this release; "*" is any."""

    @property
    def name(self) -> str:
        return f"{self.engine}@{self.version}"

    @property
    def lock_name(self) -> str:
        return f"{self.engine}-{self.version}-py{self.python.replace('.', '')}.txt"
