"""The process that downloads. It is started by :mod:`orchestrator.hub.fetch` and knows one model.

A client reads up to 10 MB between two looks at the world, joins its threads on exit, draws bars
and logs. In a process of its own it can be stopped at once, and what it prints goes nowhere. What
it has to say is one JSON object a line: ``{"step": [done, total]}``, and last ``{"folder": …}``
or ``{"error": …}``.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any, cast

from orchestrator.base.errors import RecipeError
from orchestrator.base.files import free_bytes
from orchestrator.hub import faults, receipts
from orchestrator.hub.folder import ModelFolder, check_folder
from orchestrator.hub.remote import HUBS, Client, Listing, RemoteFile
from orchestrator.hub.selection import is_weight, needed
from orchestrator.recipe.schema import Model

_TRIES = 3
_PAUSE = 1.0  # seconds before a broken connection is tried again
_LOOK = 0.1  # seconds between two progress lines


def main() -> None:
    """Arguments: this package's folder, the model, and the number of the process that asks.

    File names after them ask for these alone: ``{"few": FOLDER}`` is the answer then.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # end at once, without joining threads
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a client prints must not get between the answers
    tell = _Voice(out)
    threading.Thread(target=_end_with, args=(int(sys.argv[3]),), daemon=True).start()
    model = Model.model_validate(json.loads(sys.argv[2]))
    try:
        client = cast(Client, importlib.import_module(HUBS[model.hub].client))
        if sys.argv[4:]:
            tell.last({"few": str(_few(client, model, sys.argv[4:]))})
            return
        folder = _local(client, model) or _fetch(client, model, tell)
        tell.last({"folder": {**asdict(folder), "path": str(folder.path)}})
    except RecipeError as error:
        fields = ("what", "where", "why", "fix")
        tell.last({"error": {name: getattr(error, name) for name in fields}})


def _end_with(parent: int) -> None:
    """Nobody stops this process when the one that asked was killed."""
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


def _local(client: Client, model: Model) -> ModelFolder | None:
    """The copy that the client already has, when it is whole; noted, so that the next run knows."""
    folder, noted = client.cached(model), receipts.read(model)
    found = receipts.whole(model, noted, folder) if folder is not None else None
    if found is not None:
        files = noted.files or tuple(RemoteFile(*each) for each in found.files.items())
        receipts.write(model, replace(noted, files=files, path=str(found.path)))
    return found


def _fetch(client: Client, model: Model, tell: _Voice) -> ModelFolder:
    offered: Listing = _explained(client, model, lambda: client.listing(model))
    listing = replace(offered, files=_wanted(model, offered))
    _must_fit(client, model, listing)
    receipts.write(model, listing)
    tell.total = sum(each.size for each in listing.files)
    folder = _explained(client, model, lambda: client.download(model, listing.files, tell.moved))
    lost = listing.missing_in(folder)
    if lost:
        why = "the client ended without an error, but these files are not there in full"
        raise faults.cut_off(model, lost, why)
    found = check_folder(folder)
    receipts.write(model, replace(listing, path=str(found.path)))
    tell.last({"step": [tell.total, tell.total]})
    return receipts.named(model, listing, found)


def _few(client: Client, model: Model, names: Sequence[str]) -> Path:
    """The folder that holds those of the repository's files that have these names."""
    listing: Listing = _explained(client, model, lambda: client.listing(model))
    wanted = tuple(each for each in listing.files if each.path in names)
    folder: Path = _explained(
        client, model, lambda: client.download(model, wanted, lambda _n: None)
    )
    return folder


def _explained(client: Client, model: Model, ask: Callable[[], Any]) -> Any:
    """What the client answers; a connection that breaks is tried again, the parts are kept."""
    for left in reversed(range(_TRIES)):
        try:
            return ask()
        except Exception as error:
            if not (left and faults.was_cut(error)):
                raise faults.explain(client, model, error) from error
            time.sleep(_PAUSE)
    raise AssertionError("the last try returns or raises")


def _wanted(model: Model, listing: Listing) -> tuple[RemoteFile, ...]:
    """The files to bring; refuses a repository that could never be trained before bringing it."""
    names = [each.path for each in listing.files]
    keep = set(needed(names))
    if "config.json" not in names:
        kind = "an adapter" if "adapter_config.json" in names else "not a Transformers model"
        raise RecipeError(
            f"{model.id} is {kind}.",
            where="model.id",
            why=f"the repository has no config.json; it holds {', '.join(names[:8]) or 'nothing'}",
            fix="give the id of the base model",
        )
    if not any(is_weight(name) and "/" not in name for name in keep):
        raise RecipeError(
            f"{model.id} has no weights that can be trained.",
            where="model.id",
            why=f"no .safetensors and no .bin among {', '.join(names[:8])}",
            fix="give the id of the original model rather than of a converted one (GGUF, ONNX …)",
        )
    return tuple(each for each in listing.files if each.path in keep)


def _must_fit(client: Client, model: Model, listing: Listing) -> None:
    """Enough free disk for what is still to come, or a RecipeError with both numbers."""
    folder, root, variable = client.cached(model), client.cache_root(), HUBS[model.hub].cache
    left = sum(max(0, each.size - _have(folder, each)) for each in listing.files)
    free = free_bytes(root)
    if left > free:
        raise RecipeError(
            f"Not enough disk space for {model.id}.",
            where=str(root),
            why=f"{left / 1e9:,.2f} GB are still to be downloaded, {free / 1e9:,.2f} GB are free",
            fix=f"free some space, or point {variable} at a larger disk; {faults.LOCAL}",
        )


def _have(folder: Path | None, file: RemoteFile) -> int:
    """Bytes of the file that are on the disk already, whole or as the client's own part."""
    if folder is None:
        return 0
    parts = (folder / file.path, folder / f"{file.path}.incomplete")
    return max((each.stat().st_size for each in parts if each.is_file()), default=0)


class _Voice:
    """Writes whole lines, and progress not more often than a person can read it."""

    def __init__(self, out: IO[bytes]) -> None:
        self.total = 0
        self._done = 0
        self._next = 0.0
        self._out = out
        self._lock = threading.Lock()

    def moved(self, count: int) -> None:
        """Count bytes, from any thread; a negative count takes back what a client discards."""
        with self._lock:
            self._done += count
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + _LOOK
                self.last({"step": [min(max(0, self._done), self.total), self.total]})

    def last(self, value: dict[str, Any]) -> None:
        self._out.write(json.dumps(value).encode() + b"\n")
