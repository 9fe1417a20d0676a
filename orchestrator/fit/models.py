"""config.json of the models that ship with recipes, as data: known before anything is fetched."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TABLE = Path(__file__).with_name("models.json")


@functools.cache
def _table() -> dict[str, tuple[Mapping[str, Any], str]]:
    models = json.loads(_TABLE.read_text(encoding="utf-8"))["models"]
    return {
        name.casefold(): (model["config"], model["source"])
        for model in models
        for name in model["ids"]
    }


def shipped_config(model_id: str) -> tuple[Mapping[str, Any], str] | None:
    """The values that memory depends on, and their source; None for a model that ships not."""
    return _table().get(model_id.casefold())
