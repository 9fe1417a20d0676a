"""The model of a recipe as a folder on disk: the one given, the cached one, or a download."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base.errors import RecipeError
from orchestrator.base.lock import locked
from orchestrator.base.process import capture
from orchestrator.base.secrets import redacted
from orchestrator.hub import faults, receipts
from orchestrator.hub.folder import ModelFolder, check_folder
from orchestrator.hub.remote import Progress

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


def known_model(model: Model) -> ModelFolder | None:
    """The model when it is known to be on this machine and whole, without any network or client.

    A folder that the recipe names (``model.path``, or ``hub: local``) must be whole: a RecipeError
    says what is missing. A copy that only a hub's client knows is found by :func:`fetch_model`.
    """
    given = model.path if model.path is not None else model.id if model.hub == "local" else None
    if given is not None:
        return replace(check_folder(Path(given)), id=model.id, revision=model.revision)
    parts = model.id.split("/")  # an id could otherwise lead elsewhere on the disk
    if len(parts) > 2 or not all(_ID_PART.fullmatch(part) for part in parts):
        raise faults.not_an_id(model)
    noted = receipts.read(model)
    return receipts.whole(model, noted, Path(noted.path)) if noted.path is not None else None


def fetch_model(model: Model, *, progress: Progress | None = None) -> ModelFolder:
    """The model on disk, downloading what is missing of it.

    ``progress`` is called with bytes done, bytes in all and the model's id. Ctrl-C ends the
    download at once, and what came stays for the next try. Two runs that want the same model wait
    for each other. Raises RecipeError for an unknown id or revision, a private model, no network,
    too little disk, and a file that arrives damaged twice.
    """
    known = known_model(model)
    if known is not None:
        return known
    report = progress or _silent
    lock = receipts.place(model).with_suffix(".lock")
    with locked(lock, lambda owner: report(0, 0, f"{model.id}: waiting for {owner}")) as handle:
        return known_model(model) or _download(model, report, handle)


def _silent(_done: int, _total: int, _what: str) -> None:
    """Nobody looks."""


def _download(model: Model, report: Progress, lock: int) -> ModelFolder:
    """Have a process of its own look for the model, or bring it; raises what it raised.

    It inherits the lock, so that nobody else starts while one whose parent was killed still ends.
    """

    def heard(line: str) -> None:
        step = _answer(line).get("step")
        if step:
            report(step[0], step[1], model.id)

    answer = _asked(model, heard, keep=[lock])
    return ModelFolder(**{**answer["folder"], "path": Path(answer["folder"]["path"])})


def fetch_small(model: Model, names: Sequence[str]) -> Path:
    """The folder with those small files of the repository (config.json …) and no weights.

    They are brought through the hub's client into its own cache. Raises RecipeError as
    :func:`fetch_model` does.
    """
    return Path(_asked(model, _unheard, *names)["few"])


def _unheard(_line: str) -> None:
    """Some kilobytes have no progress."""


def _asked(
    model: Model, heard: Callable[[str], object], *names: str, keep: Sequence[int] = ()
) -> dict[str, Any]:
    """The last answer of the process that speaks to the hub; raises what it raised."""
    order = [str(_ROOT), json.dumps(model.model_dump(mode="json")), str(os.getpid()), *names]
    env = {**_QUIET, **os.environ}
    done = capture([sys.executable, "-c", _START, *order], env=env, line=heard, keep=list(keep))
    answer = _answer((done.output.splitlines() or [""])[-1])
    if "error" in answer:
        raise RecipeError(answer["error"].pop("what"), **answer["error"])
    if "folder" in answer or "few" in answer:
        return answer
    if done.code < 0:
        why = f"the process that downloads was killed (signal {-done.code})"
        raise faults.cut_off(model, [], why)
    raise RuntimeError(f"the download ended with {done.code}: {redacted(done.errors[-2000:])}")


def _answer(line: str) -> dict[str, Any]:
    """One line of the child; nothing for what a client printed, or for half a line."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
