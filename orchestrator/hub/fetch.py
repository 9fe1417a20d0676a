"""The model of a recipe as a folder on disk: the one given, the cached one, or a download."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.lock import locked
from orchestrator.base.process import capture
from orchestrator.base.secrets import redacted
from orchestrator.hub import faults, receipts
from orchestrator.hub.folder import ModelFolder, check_folder
from orchestrator.hub.remote import HUBS, Progress

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

_ID_PART = re.compile(r"(?!\.+$)[\w.-]+")
_ROOT = Path(__file__).resolve().parents[2]
# The current folder must not be searched: a user's own queue.py there would replace Python's.
_START = """
import sys
sys.path[:] = [sys.argv[1], *filter(None, sys.path)]
from orchestrator.hub.child import main
main()
"""
#: Folders between a cache's root and a model's own, at most: hub/models/OWNER.
_DEPTH = 4
_QUIET = {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


def known_model(model: Model, *, weights: bool = True) -> ModelFolder | None:
    """The model when it is known to be on this machine and whole, without any network or client.

    Without ``weights``: its config, code and tokenizer, whether they came with weights or not.

    A folder that the recipe names (``model.path``, or ``hub: local``) must be whole: a RecipeError
    says what is missing. A copy that only a hub's client knows is found by :func:`fetch_model`.
    """
    given = model.path if model.path is not None else model.id if model.hub == "local" else None
    if given is not None:
        folder = check_folder(Path(given), weights=weights)
        return replace(folder, id=model.id, revision=model.revision)
    parts = model.id.split("/")  # an id could otherwise lead elsewhere on the disk
    if len(parts) > 2 or not all(_ID_PART.fullmatch(part) for part in parts):
        raise faults.not_an_id(model)
    return _noted(model, weights=weights) or (None if weights else _noted(model, weights=True))


def _noted(model: Model, *, weights: bool) -> ModelFolder | None:
    noted = receipts.read(model, weights=weights)
    if noted.path is None:
        return None
    return receipts.whole(model, noted, Path(noted.path), weights=weights)


def fetch_model(
    model: Model, *, progress: Progress | None = None, weights: bool = True
) -> ModelFolder:
    """The model on disk, downloading what is missing of it; without ``weights`` a few MB.

    ``progress`` is called with bytes done, bytes in all and the model's id. Ctrl-C ends the
    download at once, and what came stays for the next try. Two runs that want the same model wait
    for each other. Raises RecipeError for an unknown id or revision, a private model, no network,
    too little disk, and a file that arrives damaged twice.
    """
    known = known_model(model, weights=weights)
    if known is not None:
        return known
    report = progress or _silent
    lock = receipts.place(model).with_suffix(".lock")
    with locked(
        lock,
        lambda owner: report(
            0, 0, say(f"{model.id}: waiting for {owner}", f"{model.id}：正在等待 {owner}")
        ),
    ) as handle:
        known = known_model(model, weights=weights)
        found = known or _ask(model, "all" if weights else "small", report, handle)
    if found is None:
        raise RuntimeError(
            say("the download ended without a folder", "下载结束了，但没有给出文件夹")
        )
    return found


def cached_files(model: Model) -> ModelFolder | None:
    """Config, code and tokenizer of a model that is on this machine already, without any network.

    A copy that only the hub's client knows of is found too; it is asked (half a second) where its
    cache has a folder of that name. RecipeError for a folder that the recipe names and is not one.
    """
    known = known_model(model, weights=False)
    if known is not None or model.path is not None or model.hub == "local":
        return known
    return _ask(model, "look", _silent) if _has_a_folder_of(model) else None


def _has_a_folder_of(model: Model) -> bool:
    """Whether the client's cache holds something of that name, however it spells its folders."""
    hub = HUBS[model.hub]
    own = os.environ.get(hub.models) if hub.models else None
    root = Path(own or os.environ.get(hub.cache) or Path.home() / ".cache" / hub.folder)
    last = glob.escape(model.id.rpartition("/")[2])
    names = {last, last.replace(".", "___"), f"*--{last}"}
    return any(
        next(root.glob("*/" * depth + name), None) is not None
        for depth in range(_DEPTH)
        for name in names
    )


def _silent(_done: int, _total: int, _what: str) -> None:
    """Nobody looks."""


def _ask(model: Model, what: str, report: Progress, *keep: int) -> ModelFolder | None:
    """Have a process of its own look for the model, or bring it; raises what it raised.

    It inherits the lock (``keep``), so that nobody else starts while one whose parent was killed
    still ends. None: it was to look only, and there is nothing.
    """

    def heard(line: str) -> None:
        step = _answer(line).get("step")
        if step:
            report(step[0], step[1], model.id)

    order = [str(_ROOT), json.dumps(model.model_dump(mode="json")), str(os.getpid()), what]
    env = {**_QUIET, **os.environ}
    done = capture([sys.executable, "-c", _START, *order], env=env, line=heard, keep=keep)
    answer = _answer((done.output.splitlines() or [""])[-1])
    if "error" in answer:
        raise RecipeError(answer["error"].pop("what"), **answer["error"])
    if "folder" in answer and answer["folder"] is None:
        return None
    if "folder" in answer:
        return ModelFolder(**{**answer["folder"], "path": Path(answer["folder"]["path"])})
    if done.code < 0:
        why = say(
            f"the process that downloads was killed (signal {-done.code})",
            f"下载进程被终止（信号 {-done.code}）",
        )
        raise faults.cut_off(model, [], why)
    raise RuntimeError(
        say(
            f"the download ended with {done.code}: {redacted(done.errors[-2000:])}",
            f"下载以 {done.code} 结束：{redacted(done.errors[-2000:])}",
        )
    )


def _answer(line: str) -> dict[str, Any]:
    """One line of the child; nothing for what a client printed, or for half a line."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
