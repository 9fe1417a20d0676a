"""Where ``engine_options`` go: a native key belongs to the training, to the export, or to both.

Whether a key exists, and whether its value fits, is asked of the engine's own parser (check stage).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.base.errors import UsageError

#: Keys of the model and tokenizer that training and export must agree on.
SHARED = frozenset(
    {
        "add_special_tokens",
        "add_tokens",
        "cache_dir",
        "default_system",
        "finetuning_type",
        "mixture_of_depths",
        "model_revision",
        "new_special_tokens_config",
        "resize_vocab",
        "rope_scaling",
        "split_special_tokens",
        "template",
        "tool_format",
        "trust_remote_code",
        "use_fast_tokenizer",
    }
)
#: Keys of the export alone, beside those that begin with ``export_``.
EXPORT_ONLY = frozenset({"infer_dtype", "offload_folder"})
#: What a run decides itself, and why: an example of the engine pasted whole holds them too.
OWNED = {
    "model_name_or_path": "the recipe's model is used: set model.id or model.path",
    "output_dir": "a run keeps its own output folder",
    "export_dir": "a run keeps its own merged folder",
    "resume_from_checkpoint": "a run goes on from its own newest checkpoint",
    "do_train": "the train stage always trains",
}


@dataclass(frozen=True)
class Placed:
    """``train`` and ``export``: keys for each file; ``ignored``: key and reason, in words."""

    train: Mapping[str, Any]
    export: Mapping[str, Any]
    ignored: tuple[str, ...]


def place(options: Mapping[str, Any]) -> Placed:
    """Sort native keys; UsageError for a value that cannot be written as one."""
    train: dict[str, Any] = {}
    export: dict[str, Any] = {}
    ignored = []
    for key, value in options.items():
        _check(key, value)
        if key in OWNED:
            ignored.append(f"engine_options.{key} is not used: {OWNED[key]}")
        elif key.startswith("export_") or key in EXPORT_ONLY:
            export[key] = value
        else:
            train[key] = value
            if key in SHARED:
                export[key] = value
    return Placed(train, export, tuple(ignored))


def _check(key: str, value: Any) -> None:
    if not key.isidentifier():
        raise UsageError(
            f"{key!r} cannot be a key of this engine.",
            where=f"engine_options.{key}",
            fix="use the engine's own names, letters, digits and underscores",
        )
    if key.endswith("_token") and isinstance(value, str) and value:
        raise UsageError(
            "A secret does not belong into a recipe.",
            where=f"engine_options.{key}",
            why="it would stand in the rendered file and in the record of the run",
            fix="export HF_TOKEN or MODELSCOPE_API_TOKEN instead",
        )
