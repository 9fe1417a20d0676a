"""The one place that starts uv: its variables, its log, its progress, and its failures in words."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base import paths
from orchestrator.base.errors import RecipeError
from orchestrator.envs import indexes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Progress = Callable[[str], object]

_NOISE = re.compile(r"^\s*$|pyenv|^warning: Failed to inspect|^\s*\[std(err|out)\]")
_SAYS_PROGRESS = re.compile(
    r"^\s*(Resolved|Prepared|Installed|Uninstalled|Building|Built|Download(?:ing|ed)|Updated)\b"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
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
        raise RecipeError(
            "The program uv, which builds engine environments, is missing.",
            why=str(error),
            fix="install recipe again, or name a uv in the variable RECIPE_UV",
        ) from error


def environ(base: Mapping[str, str]) -> dict[str, str]:
    """The variables that uv runs with."""
    env = indexes.environ(base)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "UV_TORCH_BACKEND"):
        env.pop(name, None)
    env["DS_BUILD_OPS"] = "0"  # DeepSpeed's kernels are compiled when first used, not here
    env["UV_NO_PROGRESS"] = "1"
    env["NO_COLOR"] = "1"
    return env


def run(
    arguments: Sequence[str],
    *,
    log: Path,
    doing: str,
    keep: Sequence[int] = (),
    progress: Progress | None = None,
) -> None:
    """Run uv; its whole output is added to ``log``. ``doing`` starts the message of a failure.

    uv is started in the environments' folder so that no project's settings reach it. It inherits
    the file descriptors ``keep``: the lock that a killed builder would otherwise let go of.
    """
    argv = [binary(), *arguments]
    folder = paths.environments_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            code, lines = _stream(argv, folder, file.write, keep, progress)
    except OSError as error:
        raise _cannot_start(error, doing, argv[0]) from error
    if code != 0:
        raise failure(lines, doing=doing, log=log, code=code)


def _stream(
    argv: list[str],
    folder: Path,
    store: Callable[[str], object],
    keep: Sequence[int],
    progress: Progress | None,
) -> tuple[int, list[str]]:
    store(f"\n$ {indexes.redact(shlex.join(argv))}    # {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
    lines: list[str] = []
    with subprocess.Popen(
        argv,
        cwd=folder,
        env=environ(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=tuple(keep),
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            assert process.stdout is not None  # PIPE above
            for raw in process.stdout:
                line = indexes.redact(_COLOUR.sub("", raw.rstrip()))
                store(line + "\n")
                lines.append(line)
                if progress is not None and _SAYS_PROGRESS.match(line):
                    progress(line.strip())
        except BaseException:
            _end(process)
            raise
    return process.returncode, lines


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    process.kill()


def _cannot_start(error: OSError, doing: str, program: str) -> RecipeError:
    import errno

    if error.errno == errno.ENOSPC:
        return failure(["No space left on device"], doing=doing, log=None, code=1)
    return RecipeError(
        doing,
        where=str(error.filename or program),
        why=error.strerror or str(error),
        fix="set RECIPE_CACHE to a folder that you can write to"
        if error.filename != program
        else "install recipe again, or name a uv in the variable RECIPE_UV",
    )


def meaningful(lines: Sequence[str]) -> list[str]:
    """The last lines that say what went wrong: from uv's last "error:" or "×" on."""
    kept = [line.strip() for line in lines if not _NOISE.search(line)]
    starts = [i for i, line in enumerate(kept) if re.match(r"(error:|×|x )", line)]
    tail = kept[starts[-1] :] if starts else kept
    return tail if len(tail) <= _SHOWN_LINES else [*tail[:3], "…", *tail[-(_SHOWN_LINES - 4) :]]


def failure(lines: Sequence[str], *, doing: str, log: Path | None, code: int) -> RecipeError:
    """uv's failure as the user's error: its own words for why, and the next step for its kind."""
    said = "\n       ".join(meaningful(lines)) or f"uv ended with exit code {code} without a word"
    text = "\n".join(lines)
    for pattern, cause, fix in _KINDS:
        if re.search(pattern, text, re.I):
            said = f"{cause()}\n       {said}"
            return RecipeError(doing, where=_at(log), why=said, fix=fix)
    return RecipeError(doing, where=_at(log), why=said, fix="read the log, mend that, run it again")


def _at(log: Path | None) -> str | None:
    return f"log: {log}" if log else None


def _no_space() -> str:
    parts = []
    for label, folder in (("environments", paths.environments_dir()), ("uv's cache", uv_cache())):
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(existing(folder)).free / 1e9
            parts.append(f"{label} {folder}: {free:.1f} GB free")
    return "the disk is full (" + "; ".join(parts) + "); an engine takes about 6 to 8 GB"


def uv_cache() -> Path:
    """Where uv keeps what it downloaded."""
    own = os.environ.get("UV_CACHE_DIR")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "uv"


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((one for one in (folder, *folder.parents) if one.exists()), Path("/"))


def _say(cause: str) -> Callable[[], str]:
    return lambda: cause


#: pattern in uv's output -> cause, next step. The first that fits is used.
_KINDS: tuple[tuple[str, Callable[[], str], str], ...] = (
    (
        r"no space left on device|os error 28|disk quota exceeded",
        _no_space,
        "make room, or set RECIPE_CACHE and UV_CACHE_DIR to folders on one larger disk; "
        "what was downloaded so far is kept",
    ),
    (
        r"no interpreter found|no download (is )?available|python downloads are set to|"
        r"could not find .*python|failed to download .*(cpython|python-build)",
        _say("the Python that the engine needs is neither here nor could uv bring it"),
        "install that Python and name it in RECIPE_PYTHON=/path/to/python, or use an existing "
        "environment that holds the engine: recipe env install NAME --python PATH",
    ),
    (
        r"hash mismatch|failed to (deserialize|read|parse).*cache|cache.*(corrupt|invalid)|"
        r"corrupt|invalid (gzip|zip)|failed to (extract|unzip)|bad crc|unexpected end of file",
        _say("a downloaded or cached package is damaged"),
        "empty uv's cache with: python -m uv cache clean    and run it again",
    ),
    (
        r"permission denied|os error 13|read-only file system",
        _say("a folder cannot be written to"),
        "make it writable, or set RECIPE_CACHE and UV_CACHE_DIR to folders of your own",
    ),
    (
        r"dns error|error sending request|connection (refused|reset|closed)|timed? ?out|"
        r"failed to fetch|network is unreachable|request failed|certificate|\btls\b|http error|"
        r"status (code|client error|server error)|\b(401|403|407|502|503|504)\b",
        _say("the package index cannot be reached"),
        "check the network; behind a mirror set PIP_INDEX_URL or UV_DEFAULT_INDEX (UV_HTTP_TIMEOUT "
        "for a slow one) and run it again: what was downloaded is kept",
    ),
    (
        r"no solution found|not found in the (package )?registry|no matching distribution|"
        r"there (is|are) no (version|wheel)",
        _say("the package index lacks a version that the lock pins"),
        "use an index that mirrors everything (PIP_INDEX_URL, UV_DEFAULT_INDEX), or another "
        "--torch-backend",
    ),
    (
        r"failed to build|build backend (returned|failed)",
        _say("a package that is published as source only could not be built"),
        "install a C compiler and the Python headers, or read the log for what it asks for",
    ),
)
