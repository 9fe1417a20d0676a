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
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any, cast

from orchestrator.base.errors import RecipeError
from orchestrator.base.files import free_bytes
from orchestrator.base.language import say
from orchestrator.hub import faults, receipts
from orchestrator.hub.folder import ModelFolder, check_folder
from orchestrator.hub.remote import HUBS, Client, Listing, RemoteFile
from orchestrator.hub.selection import is_weight, needed, without_weights
from orchestrator.hub.words import local
from orchestrator.recipe.schema import Model

_TRIES = 3
_PAUSE = 1.0  # seconds before a broken connection is tried again
_LOOK = 0.1  # seconds between two progress lines


def main() -> None:
    """Arguments: this package's folder, the model, the number of the process that asks, and what
    is wanted: ``all``, ``small`` (no weights), or ``look`` (no weights, and only what is here)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # end at once, without joining threads
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a client prints must not get between the answers
    tell = _Voice(out)
    threading.Thread(target=_end_with, args=(int(sys.argv[3]),), daemon=True).start()
    model = Model.model_validate(json.loads(sys.argv[2]))
    try:
        client = cast(Client, importlib.import_module(HUBS[model.hub].client))
        weights = sys.argv[4] == "all"
        folder = _local(client, model, weights=weights)
        if folder is None and sys.argv[4] != "look":
            folder = _fetch(client, model, tell, weights=weights)
        tell.last({"folder": folder and {**asdict(folder), "path": str(folder.path)}})
    except RecipeError as error:
        fields = ("what", "where", "why", "fix")
        tell.last({"error": {name: getattr(error, name) for name in fields}})


def _end_with(parent: int) -> None:
    """Nobody stops this process when the one that asked was killed."""
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


def _local(client: Client, model: Model, *, weights: bool) -> ModelFolder | None:
    """The copy that the client already has, when it is whole; noted, so that the next run knows."""
    folder, noted = client.cached(model), receipts.read(model, weights=weights)
    if folder is None:
        return None
    found = receipts.whole(model, noted, folder, weights=weights)
    if found is not None:
        files = noted.files or tuple(RemoteFile(*each) for each in found.files.items())
        listing = replace(noted, files=files, path=str(found.path))
        receipts.write(model, listing, weights=weights)
    return found


def _fetch(client: Client, model: Model, tell: _Voice, *, weights: bool) -> ModelFolder:
    offered: Listing = _explained(client, model, lambda: client.listing(model))
    listing = replace(offered, files=_wanted(model, offered, weights=weights))
    _must_fit(client, model, listing)
    receipts.write(model, listing, weights=weights)
    tell.total = sum(each.size for each in listing.files)
    folder = _explained(client, model, lambda: client.download(model, listing.files, tell.moved))
    lost = listing.missing_in(folder)
    if lost:
        why = say(
            "the client ended without an error, but these files are not there in full",
            "客户端没有报错就结束了，但这些文件不完整",
        )
        raise faults.cut_off(model, lost, why)
    found = check_folder(folder, weights=weights)
    receipts.write(model, replace(listing, path=str(found.path)), weights=weights)
    tell.last({"step": [tell.total, tell.total]})
    return receipts.named(model, listing, found)


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


def _wanted(model: Model, listing: Listing, *, weights: bool) -> tuple[RemoteFile, ...]:
    """The files to bring; refuses a repository that could never be trained before bringing it."""
    names = [each.path for each in listing.files]
    keep = set(needed(names))
    if "config.json" not in names:
        kind = (
            say("an adapter", "是适配器")
            if "adapter_config.json" in names
            else say("not a Transformers model", "不是 Transformers 模型")
        )
        raise RecipeError(
            say(f"{model.id} is {kind}.", f"{model.id} {kind}。"),
            where="model.id",
            why=say(
                f"the repository has no config.json; it holds {', '.join(names[:8]) or 'nothing'}",
                f"仓库中没有 config.json；其中有 {', '.join(names[:8]) or '（空）'}",
            ),
            fix=say("give the id of the base model", "请写基座模型的 id"),
        )
    if not any(is_weight(name) and "/" not in name for name in keep):
        raise RecipeError(
            say(
                f"{model.id} has no weights that can be trained.",
                f"{model.id} 没有可以训练的权重。",
            ),
            where="model.id",
            why=say(
                f"no .safetensors and no .bin among {', '.join(names[:8])}",
                f"{', '.join(names[:8])} 中既没有 .safetensors 也没有 .bin",
            ),
            fix=say(
                "give the id of the original model rather than of a converted one (GGUF, ONNX …)",
                "请写原始模型的 id，而不是转换后的模型（GGUF、ONNX……）",
            ),
        )
    if not weights:
        keep = set(without_weights({each.path: each.size for each in listing.files}))
    return tuple(each for each in listing.files if each.path in keep)


def _must_fit(client: Client, model: Model, listing: Listing) -> None:
    """Enough free disk for what is still to come, or a RecipeError with both numbers."""
    folder, root, variable = client.cached(model), client.cache_root(), HUBS[model.hub].cache
    left = sum(max(0, each.size - _have(folder, each)) for each in listing.files)
    free = free_bytes(root)
    if left > free:
        raise RecipeError(
            say(f"Not enough disk space for {model.id}.", f"磁盘空间不足以下载 {model.id}。"),
            where=str(root),
            why=say(
                f"{left / 1e9:,.2f} GB are still to be downloaded, {free / 1e9:,.2f} GB are free",
                f"还需下载 {left / 1e9:,.2f} GB，可用空间 {free / 1e9:,.2f} GB",
            ),
            fix=say(
                f"free some space, or point {variable} at a larger disk; {local()}",
                f"清理出空间，或让 {variable} 指向更大的磁盘；{local()}",
            ),
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
