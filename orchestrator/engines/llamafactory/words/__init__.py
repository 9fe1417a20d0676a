"""What a release knows by name, one file a release: keys, the words they take, templates.

``probes/list_words.py`` writes such a file in the release's environment;
``tests/engine/test_llamafactory_words.py`` holds it to the release.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: What a key takes: one of these words, ``"number"``, ``"flag"``, or ``"any"``.
Kind = Sequence[str | int] | str


@dataclass(frozen=True, kw_only=True)
class Words:
    """The names of one release."""

    templates: frozenset[str]
    multimodal: frozenset[str]
    """Templates of models that see or hear: they want a processor beside the model."""
    without_modelfile: frozenset[str]
    """Templates with which the export ends in a traceback after the weights are saved."""
    optimizers: tuple[str, ...]
    schedulers: tuple[str, ...]
    trackers: tuple[str, ...]
    train: Mapping[str, Kind]
    """The keys of ``train.yaml``."""
    export: Mapping[str, Kind]
    """The keys of ``export.yaml`` and ``chat.yaml``."""


@cache
def words(version: str) -> Words:
    """The names that release ``version`` knows."""
    read = json.loads((Path(__file__).parent / f"{version}.json").read_text(encoding="utf-8"))
    return Words(
        templates=frozenset(read["templates"]),
        multimodal=frozenset(read["multimodal"]),
        without_modelfile=frozenset(read["without_modelfile"]),
        optimizers=tuple(read["optimizers"]),
        schedulers=tuple(read["schedulers"]),
        trackers=tuple(read["trackers"]),
        train=read["train"],
        export=read["export"],
    )
