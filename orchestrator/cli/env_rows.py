"""What `recipe env list` prints of each engine release."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from orchestrator.base.language import say
from orchestrator.cli.table import width

if TYPE_CHECKING:
    from orchestrator.envs.inventory import Installed

_STATES = {
    "ready": "可用",
    "outdated": "已过时",
    "broken": "损坏",
    "unfinished": "未完成",
    "being built": "正在构建",
    "not installed": "未安装",
}

COLUMNS = (
    *("name", "status", "path", "managed", "python", "torch_backend", "lock_digest"),
    *("bytes", "seconds", "installed", "owner"),
)


def row_of(folder: Installed) -> dict[str, Any]:
    """What ``--json`` prints of an environment; sizes in bytes, times in seconds."""
    state = folder.state
    managed = state is None or state.managed
    row = dict.fromkeys(COLUMNS) | {
        "name": folder.name,
        "status": folder.status,
        "path": str(folder.root if state is None or managed else state.python),
        "managed": managed,
        "owner": folder.owner,
    }
    if state is not None:
        row |= {name: getattr(state, name) for name in ("lock_digest", "bytes", "seconds")}
        row |= {"python": state.python_version, "torch_backend": state.backend}
        row["installed"] = state.created
    return row


def _built(seconds: float) -> str:
    return say(f"built in {seconds:.0f} s", f"构建用时 {seconds:.0f} 秒")


def _status(word: str) -> str:
    """A release's state in the reader's language; ``--json`` keeps the word itself."""
    return say(word, _STATES.get(word, word))


def line(row: dict[str, Any]) -> str:
    """The row for a reader."""
    status = _status(row["status"])
    words = [f"{row['name']:<22}{status}{' ' * (14 - width(status))}"]
    if row["python"]:
        words.append(f"Python {row['python']:<8}")
    if row["managed"] and row["bytes"]:
        words.append(f"{row['bytes'] / 1e9:4.1f} GB  {_built(row['seconds'])}")
        words.append(time.strftime("%Y-%m-%d", time.localtime(row["installed"])))
    if row["torch_backend"]:
        words.append(f"torch: {row['torch_backend']}")
    if row["managed"] is False:
        words.append(say("your own", "您自己的"))
    if row["owner"]:
        words.append(say(f"by {row['owner']}", f"由 {row['owner']} 构建"))
    return "  ".join([*words, row["path"] or ""]).rstrip()
