"""Hugging Face's own client: HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE and HF_TOKEN are its."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.constants import ENDPOINT, HF_HUB_CACHE
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from tqdm.auto import tqdm

from orchestrator.base.files import sha256
from orchestrator.hub.remote import Damaged, Listing, RemoteFile

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model


def cache_root() -> Path:
    return Path(HF_HUB_CACHE)


def endpoint() -> str:
    return str(ENDPOINT)


def cached(model: Model) -> Path | None:
    try:
        return Path(snapshot_download(model.id, revision=model.revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        found = getattr(error, "snapshot_path", None)  # a copy that lacks some files
        return Path(found) if found else None


def listing(model: Model) -> Listing:
    info = HfApi().model_info(model.id, revision=model.revision, files_metadata=True)
    files = (
        RemoteFile(each.rfilename, each.size or 0, each.lfs.sha256 if each.lfs else None)
        for each in info.siblings or ()
    )
    return Listing(tuple(files), info.sha)


def revisions(model: Model) -> list[str]:
    refs = HfApi().list_repo_refs(model.id)
    return [each.name for each in (*refs.tags, *refs.branches)]


def download(model: Model, wanted: Sequence[RemoteFile], moved: Callable[[int], object]) -> Path:
    patterns = [glob.escape(each.path) for each in wanted]
    folder = Path(
        snapshot_download(
            model.id,
            revision=model.revision,
            allow_patterns=patterns,
            tqdm_class=_counting(moved),
        )
    )
    # This client compares sizes only, so a file with the right length may still be damaged.
    for each in (file for file in wanted if _damaged(folder, file)):
        hf_hub_download(model.id, each.path, revision=folder.name, force_download=True)
        if _damaged(folder, each):
            path = folder / each.path
            path.resolve().unlink(missing_ok=True)  # the client stores a link and a blob
            path.unlink(missing_ok=True)
            raise Damaged([each.path])
    return folder


def _damaged(folder: Path, file: RemoteFile) -> bool:
    path = folder / file.path
    if file.size and path.stat().st_size != file.size:
        return True
    return file.sha256 is not None and sha256(path) != file.sha256


def _counting(moved: Callable[[int], object]) -> type[Any]:
    """A silent bar class; of the client's bars only the one of received bytes is counted."""

    class Count(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            said = str(kwargs.get("desc", "Reconstructing"))
            self._counts = kwargs.get("unit") == "B" and "Reconstructing" in said
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            if self._counts and n:
                moved(int(n))
            return None

    return Count
