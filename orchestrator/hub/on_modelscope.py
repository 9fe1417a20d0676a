"""ModelScope's own client: MODELSCOPE_CACHE, MODELSCOPE_ENDPOINT, MODELSCOPE_API_TOKEN are its."""

from __future__ import annotations

import glob
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from modelscope.hub.callback import ProgressCallback
from modelscope.hub.snapshot_download import snapshot_download
from modelscope_hub import HubApi
from modelscope_hub.config import HubConfig
from modelscope_hub.errors import NotExistError

from orchestrator.hub.remote import Listing, RemoteFile

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model


def cache_root() -> Path:
    return Path(HubConfig().cache_dir)


def endpoint() -> str:
    return str(HubConfig().endpoint)


def cached(model: Model) -> Path | None:
    try:
        found = Path(snapshot_download(model.id, revision=model.revision, local_files_only=True))
    except Exception:  # the client has one of several "not here" errors, by release
        return None
    return found if found.is_dir() and _same_revision(found, model.revision) else None


def listing(model: Model) -> Listing:
    _reach(endpoint())
    entries = _api(model).list_repo_files(model.id, "model", revision=model.revision)
    if not entries and model.revision is not None:
        raise NotExistError(f"{model.revision} has no files")
    files = (e for e in entries if e.path and e.type != "tree")
    return Listing(tuple(RemoteFile(e.path, e.size, e.sha256) for e in files))


def revisions(model: Model) -> list[str]:
    entries = _api(model).list_repo_revisions(model.id, "model")
    names = (str(each.get("Revision") or each.get("Name") or "") for each in entries)
    return [name for name in names if name]


def download(model: Model, wanted: Sequence[RemoteFile], moved: Callable[[int], object]) -> Path:
    class Count(ProgressCallback):  # type: ignore[misc]
        def update(self, size: int) -> None:
            moved(size)

    patterns = [glob.escape(each.path) for each in wanted]
    return Path(
        snapshot_download(
            model.id, revision=model.revision, allow_patterns=patterns, progress_callbacks=[Count]
        )
    )


def _api(model: Model) -> Any:
    """At the configured endpoint, else the one of ModelScope's two sites that has the model."""
    return HubApi(endpoint=HubApi().resolve_endpoint_for_read(model.id, repo_type="model"))


def _reach(url: str) -> None:
    """Open one connection: the client tries for seconds and then says only that time was up."""
    parts = urlsplit(url)
    if not getproxies() or proxy_bypass(parts.netloc):
        port = parts.port or (80 if parts.scheme == "http" else 443)
        socket.create_connection((parts.hostname, port), timeout=10).close()


def _same_revision(folder: Path, asked: str | None) -> bool:
    """Older clients kept one revision a model and noted it in ``.mv``; do not take another one."""
    note = folder / ".mv"
    if asked is None or not note.is_file():
        return True
    first = note.read_text(encoding="utf-8", errors="replace").partition(",")[0]
    return first.strip() == f"Revision:{asked}"
