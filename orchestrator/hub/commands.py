"""The download as a command that a reader can paste."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.hub.selection import HEAVY

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model


def download_command(model: Model, into: str) -> tuple[str, ...]:
    """The hub's own command that puts the model into the folder ``into``; () for a local model.

    It goes on from a cut when it is run again. ModelScope's ``--model`` and ``--local_dir`` are
    the words of the tutorials; its releases from 1.15 to 1.40 at least accept them.
    """
    if model.path is not None or model.hub == "local":
        return ()
    revision = ("--revision", model.revision) if model.revision else ()
    if model.hub == "huggingface":
        skipped = tuple(word for pattern in HEAVY for word in ("--exclude", pattern))
        return ("hf", "download", model.id, *revision, "--local-dir", into, *skipped)
    where = ("--local_dir", into, "--exclude", *HEAVY)
    return ("modelscope", "download", "--model", model.id, *revision, *where)
