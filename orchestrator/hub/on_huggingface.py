"""Hugging Face, through its own client: ``huggingface_hub.snapshot_download``."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base.errors import RecipeError
from orchestrator.hub import faults
from orchestrator.hub.clients import chain, is_full_disk, literal, local_fault, plainly, quiet, said
from orchestrator.hub.files import digest_of
from orchestrator.hub.remote import Counter, Listing, RemoteFile

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

_MODULES = ("huggingface_hub", "tqdm.auto")
_TRIES = 3
_PAUSE = 1.0  # seconds
_CUTS = (  # of requests, urllib3, httpx and httpx2, whichever the client's release uses
    "ChunkedEncodingError", "IncompleteRead", "ReadError", "ReadTimeout", "RemoteProtocolError",
)  # fmt: skip


class HuggingFace:
    """Honours the client's own HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE and HF_TOKEN."""

    name = "Hugging Face"
    token_variable = "HF_TOKEN"
    cache_variable = "HF_HOME"
    branch = "main"

    def cached(self, model: Model) -> Path | None:
        with quiet(*_MODULES):
            from huggingface_hub import snapshot_download
            from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

            found: str | None
            try:
                found = snapshot_download(model.id, revision=model.revision, local_files_only=True)
            except (LocalEntryNotFoundError, HFValidationError) as error:
                found = getattr(error, "snapshot_path", None)  # a copy that lacks some files
        return Path(found) if found else None

    def cache_root(self) -> Path:
        with quiet(*_MODULES):
            from huggingface_hub.constants import HF_HUB_CACHE

            return Path(HF_HUB_CACHE)

    def listing(self, model: Model) -> Listing:
        with quiet(*_MODULES):
            from huggingface_hub import HfApi

            try:
                info = HfApi().model_info(model.id, revision=model.revision, files_metadata=True)
            except Exception as error:
                raise self._explain(model, error) from error
        files = (
            RemoteFile(each.rfilename, each.size or 0, each.lfs.sha256 if each.lfs else None)
            for each in info.siblings or ()
        )
        return Listing(tuple(files), info.sha)

    def download(self, model: Model, wanted: Sequence[RemoteFile], counter: Counter) -> Path:
        left = _TRIES
        with quiet(*_MODULES):
            while True:
                left -= 1
                try:
                    return self._bring(model, wanted, counter)
                except RecipeError:
                    raise
                except Exception as error:
                    # Some releases of this client give up at the first cut; parts are kept.
                    if not (left and _was_cut(error)):
                        raise self._explain(model, error) from error
                    time.sleep(_PAUSE)

    def _bring(self, model: Model, wanted: Sequence[RemoteFile], counter: Counter) -> Path:
        from huggingface_hub import hf_hub_download, snapshot_download

        folder = Path(
            snapshot_download(
                model.id,
                revision=model.revision,
                allow_patterns=[literal(each.path) for each in wanted],
                tqdm_class=_counting(counter),
            )
        )
        # This client compares sizes only, so a file with the right length may still be damaged.
        for each in (file for file in wanted if _damaged(folder, file)):
            hf_hub_download(model.id, each.path, revision=folder.name, force_download=True)
            if _damaged(folder, each):
                _remove(folder / each.path)
                raise faults.corrupted(model, self.name, [each.path], "SHA-256 differs")
        return folder

    def _explain(self, model: Model, error: Exception) -> RecipeError:
        from huggingface_hub import errors
        from huggingface_hub.constants import ENDPOINT

        causes = list(chain(error))

        def is_a(*kinds: type[BaseException]) -> bool:
            return any(isinstance(each, kinds) for each in causes)

        detail = said(error)
        given = bool(os.environ.get(self.token_variable))
        statuses = {getattr(getattr(e, "response", None), "status_code", None) for e in causes}
        if any(is_full_disk(each) for each in causes):
            return faults.full_disk(model, self.cache_root())
        refused = next((words for each in causes if (words := local_fault(each))), None)
        if refused:
            return faults.unwritable(model, self.cache_root(), self.cache_variable, refused)
        if is_a(errors.OfflineModeIsEnabled):
            return faults.offline(model, "HF_HUB_OFFLINE")
        if is_a(errors.GatedRepoError) or (403 in statuses):
            return faults.no_access(model, self.name, self.token_variable, given, detail)
        if is_a(errors.RevisionNotFoundError):
            asked = model.revision or self.branch
            return faults.unknown_revision(model, self.name, asked, _revisions(model))
        if is_a(errors.RepositoryNotFoundError, errors.HFValidationError):
            return faults.unknown_model(model, self.name, self.token_variable)
        if 401 in statuses:
            return faults.no_access(model, self.name, self.token_variable, given, detail)
        if not any(statuses - {None}) and is_a(ConnectionError, errors.LocalEntryNotFoundError):
            return faults.no_network(model, self.name, ENDPOINT, plainly(error))
        if any(type(each).__name__ in ("ConnectError", "ConnectTimeout") for each in causes):
            return faults.no_network(model, self.name, ENDPOINT, plainly(error))
        return faults.cut_off(model, self.name, [], detail)


def _was_cut(error: Exception) -> bool:
    return any(type(each).__name__ in _CUTS for each in chain(error))


def _revisions(model: Model) -> list[str]:
    from huggingface_hub import HfApi

    try:
        refs = HfApi().list_repo_refs(model.id)
    except Exception:  # the names are only a help beside the error that is being told
        return []
    return [each.name for each in (*refs.tags, *refs.branches)]


def _counting(counter: Counter) -> type[Any]:
    """A silent bar class whose byte bar feeds the counter."""
    base: Any = importlib.import_module("tqdm.auto").tqdm

    class Count(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._counts = kwargs.get("unit") == "B" and "Reconstructing" in str(
                kwargs.get("desc", "Reconstructing")
            )
            kwargs.pop("name", None)
            kwargs["disable"] = True
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> bool | None:
            if self._counts and n:
                counter.add("", int(n))
            return None

    return Count


def _damaged(folder: Path, file: RemoteFile) -> bool:
    path = folder / file.path
    if file.size and path.stat().st_size != file.size:
        return True
    return file.sha256 is not None and digest_of(path) != file.sha256


def _remove(path: Path) -> None:
    """The file and, when the client stores it as a link, what it points to."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)
