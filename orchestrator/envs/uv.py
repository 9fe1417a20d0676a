"""What uv is asked, and its failures in words."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base import paths
from orchestrator.base.errors import RecipeError
from orchestrator.envs import indexes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.envs.worklog import WorkLog

_NOISE = re.compile(r"^\s*$|pyenv|^warning: Failed to inspect|^\s*\[std(err|out)\]")
_SAYS_PROGRESS = re.compile(
    r"^\s*(?:Resolved|Prepared|Installed|Uninstalled|Building|Built|Download(?:ing|ed)|Updated)\b.*"
)
_SHOWN_LINES = 8


def binary() -> str:
    """uv's program: the one in RECIPE_UV, else the one that the uv package brings."""
    own = os.environ.get("RECIPE_UV")
    if own:
        return own
    import uv

    try:
        return uv.find_uv_bin()
    except FileNotFoundError as error:
        raise _missing(str(error), None) from error


def environ(base: Mapping[str, str]) -> dict[str, str]:
    """The variables that uv runs with."""
    env = indexes.environ(base)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "UV_TORCH_BACKEND"):
        env.pop(name, None)
    # DeepSpeed's kernels are compiled when first used, not here.
    return env | {"DS_BUILD_OPS": "0", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


def run(arguments: Sequence[str], *, log: WorkLog, doing: str) -> None:
    """Run uv to its end. ``doing`` is the first sentence of the error when it fails."""
    argv = [binary(), *arguments]
    try:
        code, lines = log.run(argv, env=environ(os.environ), shown=_SAYS_PROGRESS)
    except OSError as error:
        if error.filename == argv[0]:
            raise _missing(error.strerror, argv[0]) from error
        raise failure([f"error: {error.strerror}"], doing=doing, log=log.path, code=1) from error
    if code != 0:
        raise failure(lines, doing=doing, log=log.path, code=code)


def _missing(why: str | None, where: str | None) -> RecipeError:
    return RecipeError(
        "The program uv, which builds engine environments, cannot be started.",
        where=where,
        why=why,
        fix="install recipe again, or name a uv in the variable RECIPE_UV",
    )


def meaningful(lines: Sequence[str]) -> list[str]:
    """The last lines that say what went wrong: from uv's last "error:" or "×" on."""
    kept = [line.strip() for line in lines if not _NOISE.search(line)]
    starts = [i for i, line in enumerate(kept) if re.match(r"(error:|×|x )", line)]
    tail = kept[starts[-1] :] if starts else kept
    return tail if len(tail) <= _SHOWN_LINES else [*tail[:3], "…", *tail[-(_SHOWN_LINES - 4) :]]


def failure(lines: Sequence[str], *, doing: str, log: Path | None, code: int) -> RecipeError:
    """uv's failure as the user's error: its own words for why, and the next step for its kind."""
    text = "\n".join(lines)
    words = meaningful(lines) or [f"uv ended with exit code {code} without a word"]
    fix = "read the log, repair that, and run the same command again"
    for pattern, cause, step in _KINDS:
        if re.search(pattern, text, re.I):
            words, fix = [cause or _no_space(), *words], step
            break
    where = f"log: {log}" if log else None
    return RecipeError(doing, where=where, why="\n       ".join(words), fix=fix)


def disks() -> list[tuple[str, Path, float]]:
    """What takes room: its name, its folder, and the bytes that are free there."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    downloads = Path(os.environ.get("UV_CACHE_DIR") or base / "uv")
    rooms = []
    for label, folder in (("environments", paths.environments_dir()), ("uv's cache", downloads)):
        there = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
        with contextlib.suppress(OSError):  # a folder that cannot be asked tells no figure
            rooms.append((label, folder, float(shutil.disk_usage(there).free)))
    return rooms


def _no_space() -> str:
    free = "; ".join(
        f"{label} {folder}: {free / 1e9:.1f} GB free" for label, folder, free in disks()
    )
    return f"the disk is full ({free}); an engine takes about 6 to 8 GB"


#: pattern in uv's output, cause ("": the disk), next step. The first that fits is used.
_KINDS: tuple[tuple[str, str, str], ...] = (
    (
        r"no space left on device|os error 28|disk quota exceeded",
        "",
        "make room, or set RECIPE_CACHE and UV_CACHE_DIR to folders on one larger disk; "
        "what was downloaded so far is kept",
    ),
    (
        r"no interpreter found|no download (is )?available|python downloads are set to|"
        r"could not find .*python|failed to download .*(cpython|python-build)",
        "the Python that the engine needs is neither here nor could uv bring it",
        "install that Python and name it in RECIPE_PYTHON=/path/to/python, or use an existing "
        "environment that holds the engine: recipe env install NAME --python PATH",
    ),
    (
        r"hash mismatch|failed to (deserialize|read|parse).*cache|cache.*(corrupt|invalid)|"
        r"corrupt|invalid (gzip|zip)|failed to (extract|unzip)|bad crc|unexpected end of file",
        "a downloaded or cached package is damaged",
        "empty uv's cache with: python -m uv cache clean    and run it again",
    ),
    (
        r"permission denied|os error 13|read-only file system|os error 30",
        "a folder cannot be written to",
        "make it writable, or set RECIPE_CACHE and UV_CACHE_DIR to folders of your own",
    ),
    (
        r"dns error|error sending request|connection (refused|reset|closed)|timed? ?out|"
        r"failed to fetch|network is unreachable|request failed|certificate|\btls\b|http error|"
        r"status (code|client error|server error)|\b(401|403|407|502|503|504)\b",
        "the package index cannot be reached",
        "check the network; behind a mirror set PIP_INDEX_URL or UV_DEFAULT_INDEX (UV_HTTP_TIMEOUT "
        "for a slow one) and run it again: what was downloaded is kept",
    ),
    (
        r"no solution found|not found in the (package )?registry|no matching distribution|"
        r"there (is|are) no (version|wheel)",
        "the package index lacks a version that the lock pins",
        "use an index that mirrors everything (PIP_INDEX_URL, UV_DEFAULT_INDEX), or another "
        "--torch-backend",
    ),
    (
        r"failed to build|build backend (returned|failed)",
        "a package that is published as source only could not be built",
        "install a C compiler and the Python headers, or read the log for what it asks for",
    ),
)
