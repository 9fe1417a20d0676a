"""The memory formulas against published measurements; `python` on this file prints each.

Each point: where it was published, the model's config.json values, the training, the figure in
its own unit. GB is 10^9 bytes, GiB is 2^30; torchtune's figures are of the allocator, without
CUDA's own context.
"""

from __future__ import annotations

import sys
from statistics import median
from typing import Any, NamedTuple

import pytest

from orchestrator.fit.formulas import CONTEXT, Training, train_needs
from orchestrator.fit.shape import shape_of

GB, GIB = 10**9, 2**30

LLAMA2_7B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
    "tie_word_embeddings": False,
}
LLAMA31_8B = {
    **LLAMA2_7B,
    "intermediate_size": 14336,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}
QWEN_7B = {
    "model_type": "qwen",
    "hidden_size": 4096,
    "intermediate_size": 22016,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "kv_channels": 128,
    "vocab_size": 151936,
    "tie_word_embeddings": False,
}
CHATGLM3_6B = {
    "model_type": "chatglm",
    "hidden_size": 4096,
    "ffn_hidden_size": 13696,
    "num_layers": 28,
    "num_attention_heads": 32,
    "kv_channels": 128,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "padded_vocab_size": 65024,
    "tie_word_embeddings": False,
}


class Point(NamedTuple):
    name: str
    config: dict[str, Any]
    training: Training
    low: float
    """Bytes that were published; the lower end of a range."""
    high: float
    context: bool = True
    gpus: int = 1
    """GPUs that the published figure adds up."""


def lora(length: int, **more: Any) -> Training:
    return Training(**{"method": "lora", "batch": 1, "length": length, **more})


WIKI = "LLaMA-Factory wiki, Performance comparison"
README = "Qwen README, Profiling of Memory and Speed"
HARDWARE = "LLaMA-Factory README, Hardware Requirement, 7B (cutoff_len 1024)"
TORCHTUNE = "torchtune README, memory and training speed"
DEMO = "ChatGLM3 9acc547, finetune_chatmodel_demo/README.md"

POINTS = [
    Point(f"{WIKI}: LoRA 4x1024", LLAMA2_7B, lora(1024, batch=4), 17 * GB, 18 * GB),
    Point(f"{WIKI}: QLoRA 4x1024", LLAMA2_7B, lora(1024, batch=4, method="qlora"), 9 * GB, 9 * GB),
    *(
        Point(f"{WIKI}: QLoRA {length}", LLAMA2_7B, lora(length, method="qlora"), gb * GB, gb * GB)
        for length, gb in ((1024, 6), (2048, 7), (4096, 9), (8192, 12), (16384, 19), (32768, 32))
    ),
    *(
        Point(f"{README}: LoRA {length}", QWEN_7B, lora(length, rank=64), gb * GB, gb * GB)
        for length, gb in (
            *((256, 20.1), (512, 20.4), (1024, 21.5), (2048, 23.8), (4096, 29.7), (8192, 36.6)),
        )
    ),
    *(
        Point(f"{HARDWARE}: {name}", LLAMA2_7B, lora(1024, **how), gb * GB, gb * GB)
        for name, gb, how in (
            ("full, AMP", 120, {"method": "full", "copies": True}),
            ("full, pure bf16", 60, {"method": "full", "pure": True}),
            ("freeze", 20, {"method": "freeze", "layers": 2, "copies": True}),
            ("LoRA", 16, {}),
            ("QLoRA 8", 10, {"method": "qlora", "bits": 8}),
            ("QLoRA 4", 6, {"method": "qlora"}),
        )
    ),
    *(
        Point(
            f"{README}: full, 2 GPUs {length}",
            QWEN_7B,
            lora(length, method="full", zero=3, gpus=2),
            gb * GB,
            gb * GB,
            gpus=2,
        )
        for length, gb in ((256, 139.2), (512, 148.0), (1024, 162.0))
    ),
    *(
        Point(
            f"{TORCHTUNE}: {method} 2x2048",
            LLAMA31_8B,
            lora(2048, batch=2, method=method, fused_loss=True),
            gib * GIB,
            gib * GIB,
            context=False,
        )
        for method, gib in (("lora", 16.2), ("qlora", 7.4))
    ),
    Point(
        f"{DEMO}: P-Tuning v2 2048",
        CHATGLM3_6B,
        lora(2048, method="ptuning", prefix=128, eager=True),
        21 * GB,
        21 * GB,
    ),
]


def error(point: Point) -> float:
    """How far the estimate is off, as a share: 0 within the published range."""
    parts = train_needs(shape_of(point.config), point.training).gpu
    assert parts.total is not None, parts.unknown
    total = (parts.total - (0 if point.context else CONTEXT)) * point.gpus
    nearest = min(max(total, point.low), point.high)
    return total / nearest - 1


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_a_published_point_is_within_a_fifth(point: Point) -> None:
    assert abs(error(point)) <= 0.20


def test_half_of_the_points_are_within_a_tenth() -> None:
    assert median(abs(error(point)) for point in POINTS) <= 0.10


def test_training_every_weight_of_chatglm3_just_fills_four_gpus_of_80() -> None:
    """The README says that its settings "just fill 4 * 80 GB" (DEMO)."""
    training = lora(2048, method="full", batch=16, zero=2, buckets=1, gpus=4)
    need = train_needs(shape_of(CHATGLM3_6B), training).gpu
    assert need.total == pytest.approx(80 * GIB, rel=0.05)


if __name__ == "__main__":
    for point in POINTS:
        sys.stdout.write(f"{error(point):+6.1%}  {point.name}\n")
