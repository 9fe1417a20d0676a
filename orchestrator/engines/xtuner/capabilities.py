"""What XTuner's releases can do that others cannot, by name; a release lists what it has."""

from __future__ import annotations

WARM_UP = "warm-up"
"""Its reference configs warm up over 3% of the training, with torch's own AdamW."""
NEW_PEFT = "new-peft"
"""DoRA and rank-stabilised LoRA."""
OPTIONAL_CHECKPOINTING = "optional-checkpointing"
SAFETENSORS = "safetensors"
MERGE_DEVICE = "merge-device"
"""`convert merge --device cpu`."""
STOP_WORDS = "stop-words"
"""`chat --stop-words`, a list; without it one option a word."""
CPU_CHAT = "cpu-chat"
CPU_BRIDGE = "cpu-bridge"
"""Trains on a CPU once `shim/sitecustomize.py` is on its path."""

TURN_SWITCHES = "turn-switches"
"""Turns may say `output_with_loss`, `need_eos_token` and `sep`."""

META_CONVERT = "meta-convert"
"""`convert pth_to_hf` makes a model that is not quantised without its weights."""

SINCE_0_2 = frozenset(
    {
        WARM_UP,
        NEW_PEFT,
        OPTIONAL_CHECKPOINTING,
        SAFETENSORS,
        MERGE_DEVICE,
        STOP_WORDS,
        CPU_CHAT,
        CPU_BRIDGE,
        TURN_SWITCHES,
        META_CONVERT,
    }
)
