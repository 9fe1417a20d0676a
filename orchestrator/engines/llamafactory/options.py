"""``engine_options``: which native key belongs to which file, and which can be none at all.

A release's keys and the words that they take stand in ``words/``; the engine's own parser is asked
again in the check stage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_tools.nearest import nearest
from orchestrator.base.text import listed, shown
from orchestrator.engines.llamafactory.words import Kind, Words
from orchestrator.recipe.faults import Objection

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
        "new_special_tokens",
        "new_special_tokens_config",
        "resize_vocab",
        "rope_scaling",
        "split_special_tokens",
        "template",
        "tool_format",
        "use_fast_tokenizer",
        "visual_inputs",
    }
)
#: Keys of the export alone, beside those that begin with ``export_``.
EXPORT_ONLY = frozenset({"infer_dtype", "offload_folder"})
#: What a run decides itself, and why: an example of the engine pasted whole holds them too.
OWNED = {
    "model_name_or_path": "the recipe's model is used: set model.id or model.path",
    "trust_remote_code": "set model.trust_remote_code, which is shown in the plan",
    "output_dir": "a run keeps its own output folder",
    "export_dir": "a run keeps its own merged folder",
    "resume_from_checkpoint": "a run goes on from its own newest checkpoint",
    "do_train": "the train stage always trains",
}
_LAUNCHER = "only the engine's own launcher is wrapped: train.gpus on one machine, and NNODES, "
_LAUNCHER += "NODE_RANK, MASTER_ADDR and MASTER_PORT of the environment for several"
#: Keys that another launcher reads.
_RAY = frozenset({"ray_num_workers", "ray_init_kwargs", "master_addr", "master_port"})
#: Variables that choose another launcher, or say what a key of the recipe says.
_VARIABLES = {
    "USE_V1": f"the engine's other trainer reads other files; {_LAUNCHER}",
    "USE_RAY": f"Ray is not in the engine's environment; {_LAUNCHER}",
    "USE_MCA": f"Megatron (mcore_adapter) is not in the engine's environment; {_LAUNCHER}",
    "ACCELERATE": f"accelerate's own launcher sets it; {_LAUNCHER}",
    "NPROC_PER_NODE": "the recipe's own key is train.gpus",
}


@dataclass(frozen=True)
class Placed:
    """``train`` and ``export``: keys for each file; ``ignored``: key and reason, in words."""

    train: Mapping[str, Any]
    export: Mapping[str, Any]
    ignored: tuple[str, ...]


def place(options: Mapping[str, Any]) -> Placed:
    """Sort native keys by the file that they belong to."""
    train: dict[str, Any] = {}
    export: dict[str, Any] = {}
    ignored = []
    for key, value in options.items():
        if key in OWNED:
            ignored.append(f"engine_options.{key} is not used: {OWNED[key]}")
        elif key.startswith("export_") or key in EXPORT_ONLY:
            export[key] = value
        else:
            train[key] = value
            if key in SHARED:
                export[key] = value
    return Placed(train, export, tuple(ignored))


def objections(options: Mapping[str, Any], words: Words) -> Iterator[Objection]:
    """Keys that the release does not know, values that they do not take, launchers."""
    known = {**words.train, **words.export}
    for key, value in options.items():
        at = f"engine_options.{key}"
        if key not in known:
            what = "the engine knows no such key"
            yield Objection(at, what, "it stands in no class of its arguments", nearest(key, known))
        elif value is None or key in OWNED:
            continue
        elif key in _RAY:
            yield Objection(at, "Ray is not in the engine's environment", _LAUNCHER)
        else:
            yield from _value_objections(at, key, value, known[key])


def _value_objections(at: str, key: str, value: Any, kind: Kind) -> Iterator[Objection]:
    if not isinstance(kind, str):
        if value not in kind:
            takes = listed([str(word) for word in kind])
            near = nearest(str(value), map(str, kind))
            yield Objection(at, f"cannot be {shown(value)}", f"it takes {takes}", near)
    elif kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        why = "YAML 1.1 takes 1e-4 for text: it wants 1.0e-4" if isinstance(value, str) else ""
        yield Objection(at, f"must be a number, not {shown(value)}", why)
    elif kind == "flag" and not isinstance(value, bool):
        yield Objection(at, f"must be true or false, not {shown(value)}")
    elif key == "deepspeed" and isinstance(value, str) and not Path(value).is_absolute():
        why = f"{value} would be looked for in the run; say train.deepspeed, or an absolute path"
        yield Objection(at, "is a relative path", why)
    elif "???" in _texts(value):
        yield Objection(
            at, "the text ??? cannot be a value", "OmegaConf takes it for a missing one"
        )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def variable_objections(env: Mapping[str, str]) -> Iterator[Objection]:
    """Variables that would choose another launcher, or another number of processes."""
    for name in env:
        other = "ACCELERATE" if name.startswith("ACCELERATE_") else name
        if other in _VARIABLES:
            yield Objection(f"env.{name}", "is not the recipe's to set", _VARIABLES[other])
