"""ModelScope, through its own client: ``modelscope.snapshot_download``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base.errors import RecipeError
from orchestrator.hub import faults
from orchestrator.hub.clients import (
    chain,
    is_full_disk,
    literal,
    local_fault,
    plainly,
    quiet,
    reach,
    said,
)
from orchestrator.hub.remote import Counter, Listing, RemoteFile

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

_MODULES = ("modelscope.hub.snapshot_download", "modelscope.hub.callback", "modelscope_hub")


class ModelScope:
    """Honours the client's own MODELSCOPE_CACHE, MODELSCOPE_ENDPOINT and MODELSCOPE_API_TOKEN."""

    name = "ModelScope"
    token_variable = "MODELSCOPE_API_TOKEN"
    cache_variable = "MODELSCOPE_CACHE"
    branch = "master"

    def __init__(self) -> None:
        self._endpoints: dict[str, str] = {}

    def cached(self, model: Model) -> Path | None:
        with quiet(*_MODULES):
            from modelscope.hub.snapshot_download import snapshot_download

            try:
                found = Path(
                    snapshot_download(model.id, revision=model.revision, local_files_only=True)
                )
            except Exception:  # the client has one of several "not here" errors, by release
                return None
        return found if found.is_dir() and _same_revision(found, model.revision) else None

    def cache_root(self) -> Path:
        with quiet(*_MODULES):
            return Path(_config().cache_dir)

    def listing(self, model: Model) -> Listing:
        with quiet(*_MODULES):
            try:
                reach(_config().endpoint)
                entries = self._api(model).list_repo_files(
                    model.id, "model", revision=model.revision
                )
            except Exception as error:
                raise self._explain(model, error) from error
            if not entries and model.revision is not None:
                raise self._unknown(model)
        files = (e for e in entries if e.path and e.type != "tree")
        return Listing(tuple(RemoteFile(e.path, e.size, e.sha256) for e in files))

    def download(self, model: Model, wanted: Sequence[RemoteFile], counter: Counter) -> Path:
        with quiet(*_MODULES):
            from modelscope.hub.callback import ProgressCallback
            from modelscope.hub.snapshot_download import snapshot_download

            class Count(ProgressCallback):  # type: ignore[misc]
                def update(self, size: int) -> None:
                    counter.add(self.filename, size)

            try:
                folder = snapshot_download(
                    model.id,
                    revision=model.revision,
                    allow_patterns=[literal(each.path) for each in wanted],
                    progress_callbacks=[Count],
                    endpoint=self._endpoint(model),
                )
            except Exception as error:
                raise self._explain(model, error) from error
        return Path(folder)

    def _api(self, model: Model) -> Any:
        from modelscope_hub import HubApi

        return HubApi(endpoint=self._endpoint(model))

    def _endpoint(self, model: Model) -> str:
        """The configured endpoint, else the one of ModelScope's two sites that has the model."""
        from modelscope_hub import HubApi

        if model.id not in self._endpoints:
            found = HubApi().resolve_endpoint_for_read(model.id, repo_type="model")
            self._endpoints[model.id] = str(found)
        return self._endpoints[model.id]

    def _explain(self, model: Model, error: Exception) -> RecipeError:
        from modelscope_hub import errors

        failed: dict[str, BaseException] = {}
        for each in chain(error):
            failed.update(getattr(each, "failed_files", {}))
        causes = [*chain(error), *failed.values()]

        def is_a(*kinds: type[BaseException]) -> bool:
            return any(isinstance(each, kinds) for each in causes)

        detail = said(next(iter(failed.values()), error))
        if any(is_full_disk(each) for each in causes):
            return faults.full_disk(model, self.cache_root())
        refused = next((words for each in causes if (words := local_fault(each))), None)
        if refused:
            return faults.unwritable(model, self.cache_root(), self.cache_variable, refused)
        if is_a(errors.FileIntegrityError):
            bad = [n for n, e in failed.items() if isinstance(e, errors.FileIntegrityError)]
            return faults.corrupted(model, self.name, bad, detail)
        if is_a(errors.AuthenticationError, errors.PermissionDeniedError):
            given = bool(os.environ.get(self.token_variable))
            return faults.no_access(model, self.name, self.token_variable, given, detail)
        if is_a(errors.NotExistError, errors.InvalidParameter) and not failed:
            return self._unknown(model)
        if failed:
            return faults.cut_off(model, self.name, sorted(failed), detail)
        if is_a(OSError):
            return faults.no_network(model, self.name, _config().endpoint, plainly(error))
        return faults.cut_off(model, self.name, [], detail)

    def _unknown(self, model: Model) -> RecipeError:
        """Which of the two is unknown: the id, or its revision."""
        try:
            entries = self._api(model).list_repo_revisions(model.id, "model")
        except Exception:  # every failure here means that the id itself cannot be seen
            return faults.unknown_model(model, self.name, self.token_variable)
        names = [str(each.get("Revision") or each.get("Name") or "") for each in entries]
        asked = model.revision or self.branch
        return faults.unknown_revision(model, self.name, asked, [name for name in names if name])


def _config() -> Any:
    from modelscope_hub.config import HubConfig

    return HubConfig()


def _same_revision(folder: Path, asked: str | None) -> bool:
    """Older clients kept one revision a model and noted it in ``.mv``; do not take another one."""
    note = folder / ".mv"
    if asked is None or not note.is_file():
        return True
    first = note.read_text(encoding="utf-8", errors="replace").partition(",")[0]
    return first.strip() == f"Revision:{asked}"
