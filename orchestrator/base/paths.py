"""Where things live: shipped files, the user's cache and settings, and where runs go."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def expanded(text: str) -> Path:
    """The path with ``~`` as the home folder. Where nobody has that home, ``~`` is a name."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - pathlib's own raises


def share() -> Path:
    """The folder that holds ``templates/`` and ``recipes/``: inside a wheel, or the checkout."""
    packed = _PACKAGE / "_share"
    return packed if packed.is_dir() else _PACKAGE.parent


def templates_dir() -> Path:
    return share() / "templates"


def shipped_recipes_dir() -> Path:
    return share() / "recipes"


def user_recipes_dirs() -> list[Path]:
    """Folders named in RECIPE_PATH (separated as PATH is), searched before the shipped ones."""
    named = os.environ.get("RECIPE_PATH", "")
    return [expanded(part) for part in named.split(os.pathsep) if part]


def cache_dir() -> Path:
    """RECIPE_CACHE, else ``recipe`` under XDG_CACHE_HOME or ~/.cache."""
    own = os.environ.get("RECIPE_CACHE")
    if own:
        return expanded(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (expanded(base) if base else Path.home() / ".cache") / "recipe"


def environments_dir() -> Path:
    return cache_dir() / "envs"


def downloads_dir() -> Path:
    return cache_dir() / "downloads"


def runs_dir() -> Path:
    """RECIPE_RUNS, else ``runs`` in the current folder."""
    return expanded(os.environ.get("RECIPE_RUNS") or "runs")
