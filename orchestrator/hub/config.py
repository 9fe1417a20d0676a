"""A model's config.json: from its folder, from a hub's cache, or fetched without weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.paths import expanded
from orchestrator.hub.fetch import cached_files, fetch_model, known_model

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
    """The config.json that is known to be on this machine; no network, no client, no process.

    RecipeError when the recipe names a folder that has none, or when it cannot be read.
    """
    given = model.path if model.path is not None else model.id if model.hub == "local" else None
    if given is None:
        known = known_model(model, weights=False)
        return _read(known.path) if known is not None else None
    folder = expanded(given)
    if not (folder / CONFIG).is_file():
        raise RecipeError(
            say(f"The model folder has no {CONFIG}.", f"模型文件夹中没有 {CONFIG}。"),
            where=str(folder),
            why=None if folder.is_dir() else say("there is no such folder", "没有这个文件夹"),
            fix=say("--set model.path=FOLDER", "--set model.path=文件夹"),
        )
    return _read(folder)


def config_cached(model: Model) -> Config | None:
    """The config.json of a copy that only the hub's client knows of; no network."""
    found = cached_files(model)
    return _read(found.path) if found is not None else None


def config_fetched(model: Model) -> Config:
    """The config.json brought through the hub's client, with code and tokenizer; RecipeError."""
    return _read(fetch_model(model, weights=False).path)


def _read(folder: Path) -> Config:
    path = folder / CONFIG
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError(say("it is no JSON object", "它不是 JSON 对象"))
    except (OSError, ValueError) as error:
        raise RecipeError(
            say(f"{CONFIG} cannot be read.", f"无法读取 {CONFIG}。"),
            where=str(path),
            why=str(error),
            fix=say("fetch the model's files again", "重新下载该模型的文件"),
        ) from error
    return Config(values, str(path), folder)
