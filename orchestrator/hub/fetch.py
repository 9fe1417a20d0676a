"""The model of a recipe as a folder on disk: the one given, the cached one, or a download."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base.errors import RecipeError
from orchestrator.base.lock import locked
from orchestrator.base.process import Result, capture
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
_QUIET = {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


def local_model(model: Model) -> ModelFolder | None:
    """The model when it is on disk and whole, without any network; None when it must be fetched.

    A folder that the recipe names (``model.path``, or ``hub: local``) must be whole: a RecipeError
    says what is missing. A cached copy that is not whole counts as absent.
    """
    return _known(model) or _ask("local", model, None)


def fetch_model(model: Model, *, progress: Progress | None = None) -> ModelFolder:
    """The model on disk, downloading what is missing of it.

    ``progress`` is called with bytes done, bytes in all and the model's id. Ctrl-C ends the
    download at once, and what came stays for the next try. Two runs that want the same model wait
    for each other. Raises RecipeError for an unknown id or revision, a private model, no network,
    too little disk, and a file that arrives damaged twice.
    """
    found = _known(model)
    if found is None:
        report = progress or _silent
        waiting = f"{model.id}: waiting for"
        with locked(
            receipts.place(model).with_suffix(".lock"),
            lambda owner: report(0, 0, f"{waiting} {owner}"),
        ):
            found = _known(model) or _ask("fetch", model, progress)
    assert found is not None  # only the local question may be answered with nothing
    return found


def _silent(_done: int, _total: int, _what: str) -> None:
    """Nobody looks."""


def _known(model: Model) -> ModelFolder | None:
    """The folder that the recipe names, or the finished download that a receipt notes."""
    given = model.path if model.path is not None else model.id if model.hub == "local" else None
    if given is not None:
        return replace(check_folder(Path(given)), id=model.id, revision=model.revision)
    parts = model.id.split("/")  # an id could otherwise lead elsewhere on the disk
    if len(parts) > 2 or not all(_ID_PART.fullmatch(part) for part in parts):
        raise faults.not_an_id(model)
    receipt = receipts.read(model)
    return receipt.whole(Path(receipt.path)) if receipt.path is not None else None


def _ask(what: str, model: Model, progress: Progress | None) -> ModelFolder | None:
    """Have a process of its own look for the model, or bring it; raises what it raised."""

    def heard(line: str) -> None:
        step = _answer(line).get("step")
        if step and progress is not None:
            progress(step[0], step[1], model.id)

    order = [what, json.dumps(model.model_dump(mode="json")), str(os.getpid())]
    done = capture(
        [sys.executable, "-c", _START, str(_ROOT), *order],
        env={**_QUIET, **os.environ},
        line=heard,
    )
    answer = _answer((done.output.splitlines() or [""])[-1])
    if "error" in answer:
        raise RecipeError(answer["error"].pop("what"), **answer["error"])
    if "folder" not in answer:
        raise _died(model, done)
    fields = answer["folder"]
    return ModelFolder(**{**fields, "path": Path(fields["path"])}) if fields else None


def _answer(line: str) -> dict[str, Any]:
    """One line of the child; nothing for what a client printed, or for half a line."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _died(model: Model, done: Result) -> Exception:
    if done.code < 0:
        why = f"the process that downloads was killed (signal {-done.code})"
        return faults.cut_off(model, HUBS[model.hub], [], why)
    return RuntimeError(f"the download ended with {done.code}: {redacted(done.errors[-2000:])}")
