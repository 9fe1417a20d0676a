"""The model of a recipe as a folder on disk: the one given, the cached one, or a download."""

from __future__ import annotations

import os
import re
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base.errors import RecipeError
from orchestrator.hub import child, faults
from orchestrator.hub.folder import ModelFolder, check_folder
from orchestrator.hub.receipts import Receipt, read_receipt, receipt_path, write_receipt
from orchestrator.hub.remote import Hub, Listing, Progress, RemoteFile
from orchestrator.hub.selection import is_weight, needed

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

_ID_PART = re.compile(r"(?!\.+$)[\w.-]+")


def local_model(model: Model) -> ModelFolder | None:
    """The model when it is on disk and whole, without any network; None when it must be fetched.

    A folder that the recipe names (``model.path``, or ``hub: local``) must be whole: a RecipeError
    says what is missing. A cached copy that is not whole counts as absent.
    """
    given = _given(model)
    if given is not None:
        return _named(check_folder(given), model, model.revision)
    hub = hub_of(model)
    receipt = read_receipt(_receipt_path(model, hub))
    if receipt is not None and receipt.path is not None:
        kept = _whole(hub, model, Path(receipt.path), receipt)
        if kept is not None:
            return kept
    folder = hub.cached(model)
    return _whole(hub, model, folder, receipt) if folder is not None else None


def fetch_model(
    model: Model, *, progress: Progress | None = None, cancel: threading.Event | None = None
) -> ModelFolder:
    """The model on disk, downloading what is missing of it.

    ``progress`` is called with bytes done, bytes in all and a file name. Ctrl-C, or ``cancel`` when
    it is set, ends the download at once (the latter with Interrupted), and what came stays for the
    next try. Raises RecipeError for an unknown id or revision, a private model, no network, too
    little disk, and a file that arrives damaged twice.
    """
    found = local_model(model)
    if found is not None:
        return found
    hub = hub_of(model)
    listing = hub.listing(model)
    wanted = _wanted(model, listing)
    _must_fit(hub, model, wanted)
    receipt = Receipt(
        hub=model.hub,
        id=model.id,
        asked=model.revision,
        commit=listing.commit,
        files={each.path: each.size for each in wanted},
    )
    note = _receipt_path(model, hub)
    write_receipt(note, receipt)
    folder = child.download(hub, model, wanted, progress, cancel)
    _must_have_come(model, hub, folder, receipt)
    whole = check_folder(folder)
    write_receipt(note, replace(receipt, path=str(whole.path)))
    if progress is not None:
        total = sum(each.size for each in wanted)
        progress(total, total, "")
    return _named(whole, model, listing.commit or model.revision or hub.branch)


def _given(model: Model) -> Path | None:
    if model.path is not None:
        return Path(model.path)
    return Path(model.id) if model.hub == "local" else None


def hub_of(model: Model) -> Hub:
    """The hub that the model names; refuses an id that could lead elsewhere on the disk."""
    parts = model.id.split("/")
    if len(parts) > 2 or not all(_ID_PART.fullmatch(part) for part in parts):
        raise faults.not_an_id(model)
    if model.hub == "huggingface":
        from orchestrator.hub.on_huggingface import HuggingFace

        return HuggingFace()
    from orchestrator.hub.on_modelscope import ModelScope

    return ModelScope()


def _receipt_path(model: Model, hub: Hub) -> Path:
    return receipt_path(model, os.environ.get(hub.cache_variable, ""))


def _whole(hub: Hub, model: Model, folder: Path, receipt: Receipt | None) -> ModelFolder | None:
    if receipt is not None and receipt.missing_in(folder):
        return None
    try:
        whole = check_folder(folder)
    except RecipeError:
        return None
    commit = receipt.commit if receipt is not None else None
    return _named(whole, model, commit or model.revision or hub.branch)


def _named(folder: ModelFolder, model: Model, revision: str | None) -> ModelFolder:
    return replace(folder, hub=model.hub, id=model.id, revision=revision)


def _must_have_come(model: Model, hub: Hub, folder: Path, receipt: Receipt) -> None:
    lost = receipt.missing_in(folder)
    if lost:
        why = "the client ended without an error, but these files are not there in full"
        raise faults.cut_off(model, hub.name, lost, why)


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


def _must_fit(hub: Hub, model: Model, wanted: tuple[RemoteFile, ...]) -> None:
    """Enough free disk for what is still to come, or a RecipeError with both numbers."""
    cached = hub.cached(model)
    left = sum(max(0, each.size - _have(cached, each)) for each in wanted)
    root = hub.cache_root()
    free = shutil.disk_usage(faults.nearest(root)).free
    if left > free:
        raise RecipeError(
            f"Not enough disk space for {model.id}.",
            where=str(root),
            why=f"{gigabytes(left)} are still to be downloaded and {gigabytes(free)} are free",
            fix=f"free some space, or point {hub.cache_variable} at a larger disk; {faults.LOCAL}",
        )


def _have(folder: Path | None, file: RemoteFile) -> int:
    if folder is None:
        return 0
    parts = (folder / file.path, folder / f"{file.path}.incomplete")
    return max((each.stat().st_size for each in parts if each.is_file()), default=0)


def gigabytes(size: int) -> str:
    return f"{size / 1e9:,.2f} GB" if size >= 1e7 else f"{size:,} bytes"
