"""DeepSpeed's JSON files, as in ``examples/deepspeed`` of the engine's source."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.base import layout
from orchestrator.base.plan import PlannedFile
from orchestrator.recipe.schema import Recipe

_COMMON: dict[str, Any] = {
    "train_batch_size": "auto",
    "train_micro_batch_size_per_gpu": "auto",
    "gradient_accumulation_steps": "auto",
    "gradient_clipping": "auto",
    "zero_allow_untested_optimizer": True,
    "fp16": {
        "enabled": "auto",
        "loss_scale": 0,
        "loss_scale_window": 1000,
        "initial_scale_power": 16,
        "hysteresis": 2,
        "min_loss_scale": 1,
    },
    "bf16": {"enabled": "auto"},
}
_ZERO12: dict[str, Any] = {
    "allgather_partitions": True,
    "allgather_bucket_size": 500_000_000,
    "overlap_comm": False,
    "reduce_scatter": True,
    "reduce_bucket_size": 500_000_000,
    "contiguous_gradients": True,
    "round_robin_gradients": True,
}
_ZERO3: dict[str, Any] = {
    "overlap_comm": False,
    "contiguous_gradients": True,
    "sub_group_size": 1_000_000_000,
    "reduce_bucket_size": "auto",
    "stage3_prefetch_bucket_size": "auto",
    "stage3_param_persistence_threshold": "auto",
    "stage3_max_live_parameters": 1_000_000_000,
    "stage3_max_reuse_distance": 1_000_000_000,
    "stage3_gather_16bit_weights_on_model_save": True,
}
_HOST = {"device": "cpu", "pin_memory": True}


def config(name: str) -> dict[str, Any]:
    """The configuration called zero1, zero2, zero2_offload, zero3 or zero3_offload."""
    stage = int(name[len("zero")])
    zero = {"stage": stage, **(_ZERO3 if stage == 3 else _ZERO12)}
    if name.endswith("_offload"):
        zero["offload_optimizer"] = _HOST
        if stage == 3:
            zero["offload_param"] = _HOST
    return {**_COMMON, "zero_optimization": zero}


def files(recipe: Recipe) -> tuple[PlannedFile, ...]:
    """The one file that ``train.yaml`` names; none without DeepSpeed."""
    name = recipe.train.deepspeed
    if name is None:
        return ()
    text = json.dumps(config(name), indent=2) + "\n"
    return (PlannedFile(path=path(name), text=text),)


def path(name: str) -> str:
    """Where the configuration stands in a run directory."""
    return f"{layout.DEEPSPEED}/{name}.json"
