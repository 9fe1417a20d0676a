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
from orchestrator.base.language import say
from orchestrator.envs import indexes
from orchestrator.envs.failures import DISK, INSTALLING

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
        say(
            "The program uv, which builds engine environments, cannot be started.",
            "用来构建引擎环境的程序 uv 无法启动。",
        ),
        where=where,
        why=why,
        fix=say(
            "install recipe again, or name a uv in the variable RECIPE_UV",
            "请重新安装 recipe，或在变量 RECIPE_UV 中写出 uv 的路径",
        ),
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
    words = meaningful(lines) or [
        say(
            f"uv ended with exit code {code} without a word",
            f"uv 以退出码 {code} 结束，没有任何输出",
        )
    ]
    fix = say(
        "read the log, repair that, and run the same command again",
        "查看日志，解决其中的问题，再运行同一命令",
    )
    known = ((entry, entry.match(text)) for entry in INSTALLING)
    entry, match = next((pair for pair in known if pair[1]), (None, None))
    if entry is not None and match is not None:
        cause, fix = entry.told(match)
        words = [f"{cause} ({_room()})" if entry.id == DISK else cause, *words]
    where = say(f"log: {log}", f"日志：{log}") if log else None
    return RecipeError(doing, where=where, why="\n       ".join(words), fix=fix)


def disks() -> list[tuple[str, Path, float]]:
    """What takes room: its name, its folder, and the bytes that are free there."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    downloads = Path(os.environ.get("UV_CACHE_DIR") or base / "uv")
    rooms = []
    for label, folder in (
        (say("environments", "环境"), paths.environments_dir()),
        (say("uv's cache", "uv 的缓存"), downloads),
    ):
        there = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
        with contextlib.suppress(OSError):  # a folder that cannot be asked tells no figure
            rooms.append((label, folder, float(shutil.disk_usage(there).free)))
    return rooms


def _room() -> str:
    return "; ".join(
        say(
            f"{label} {folder}: {free / 1e9:.1f} GB free",
            f"{label} {folder}：可用 {free / 1e9:.1f} GB",
        )
        for label, folder, free in disks()
    )
