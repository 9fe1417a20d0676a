"""The download as a command that a reader can paste."""

from __future__ import annotations

from orchestrator.hub.selection import UNNEEDED
from orchestrator.recipe.schema import Model


def download_command(model: Model, into: str) -> tuple[str, ...]:
    """The hub's own command that puts the model into the folder ``into``; () for a local model.

    ModelScope's flags are the ones that its releases from 1.18 on know; newer releases print
    ``--local-dir`` in their help and accept both.
    """
    if model.path is not None or model.hub == "local":
        return ()
    revision = ("--revision", model.revision) if model.revision else ()
    skipped = ("--exclude", *UNNEEDED)
    if model.hub == "huggingface":
        return ("hf", "download", model.id, *revision, "--local-dir", into)
    return ("modelscope", "download", "--model", model.id, *revision, "--local_dir", into, *skipped)
