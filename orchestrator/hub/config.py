"""A model's config.json: from its folder, from a hub's cache, or fetched without the weights."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.paths import expanded
from orchestrator.hub import receipts
from orchestrator.hub.fetch import fetch_model

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

CONFIG = "config.json"


@dataclass(frozen=True)
class Config:
    """The values of a config.json and where they come from, in words."""

    values: Mapping[str, Any]
    source: str
    folder: Path | None = None
    """The model's folder on this machine, complete or not."""


def config_here(model: Model) -> Config | None:
    """The config.json that is on this machine; no network, no client, no process.

    RecipeError when the recipe names a folder that has none, or when it cannot be read.
    """
    given = model.path if model.path is not None else model.id if model.hub == "local" else None
    if given is not None:
        folder = expanded(given)
        if not (folder / CONFIG).is_file():
            raise RecipeError(
                say(f"The model folder has no {CONFIG}.", f"模型文件夹中没有 {CONFIG}。"),
                where=str(folder),
                why=None if folder.is_dir() else say("there is no such folder", "没有这个文件夹"),
                fix=say("--set model.path=FOLDER", "--set model.path=文件夹"),
            )
        return _read(folder)
    return next((_read(folder) for folder in _cached(model) if (folder / CONFIG).is_file()), None)


def config_fetched(model: Model) -> Config:
    """The config.json brought through the hub's client, without the weights; RecipeError."""
    return _read(fetch_model(model, weights=False).path)


def _read(folder: Path) -> Config:
    path = folder / CONFIG
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it is no JSON object")
    except (OSError, ValueError) as error:
        raise RecipeError(
            say(f"{CONFIG} cannot be read.", f"无法读取 {CONFIG}。"),
            where=str(path),
            why=str(error),
            fix=say("fetch the model's files again", "重新下载该模型的文件"),
        ) from error
    return Config(values, str(path), folder)


def _cached(model: Model) -> Iterator[Path]:
    """Where the hubs' clients keep this model: what a receipt says first, then their layouts."""
    noted = receipts.read(model).path
    if noted is not None:
        yield Path(noted)
    if model.hub == "huggingface":
        yield from _of_huggingface(model)
    else:
        yield from _of_modelscope(model)


def _of_huggingface(model: Model) -> Iterator[Path]:
    """``models--OWNER--NAME/snapshots/COMMIT`` (huggingface_hub's cache)."""
    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    cache = expanded(os.environ.get("HF_HUB_CACHE") or f"{home}/hub")
    folder = cache / f"models--{model.id.replace('/', '--')}"
    ref = folder / "refs" / (model.revision or "main")
    try:
        commit = ref.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        commit = model.revision or ""
    if commit:
        yield folder / "snapshots" / commit


def _of_modelscope(model: Model) -> Iterator[Path]:
    """``models/OWNER/NAME``, with ``.`` as ``___`` (modelscope's cache, by release).

    Its copies do not say their revision, so a copy counts only where none is asked for.
    """
    if model.revision not in (None, "master"):
        return
    root = expanded(os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope")
    for name in dict.fromkeys((model.id, model.id.replace(".", "___"))):
        for part in ("models", "hub/models", "hub", ""):
            yield root / part / name
