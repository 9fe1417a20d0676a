"""Which files of a repository are downloaded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.hub.selection import LARGEST, needed, without_weights

SMALL = [
    "config.json",
    "modeling_x.py",
    "tokenizer.model",
    "merges.txt",
    "qwen.tiktoken",
    "LICENSE",
]
SAFE = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
TORCH = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
INDEXES = ["model.safetensors.index.json", "pytorch_model.bin.index.json"]


def test_safetensors_win_over_bin() -> None:
    kept = needed([*SMALL, *SAFE, *TORCH, *INDEXES])
    assert kept == (*SMALL, *SAFE, INDEXES[0])


def test_bin_alone_is_kept() -> None:
    assert needed([*SMALL, *TORCH, INDEXES[1]]) == (*SMALL, *TORCH, INDEXES[1])


@pytest.mark.parametrize(
    "name",
    [
        "onnx/model.onnx", "onnx/decoder.onnx_data", "x-q4.gguf", "original/consolidated.00.pth",
        "tf_model.h5", "flax_model.msgpack", "rust_model.ot", "consolidated.safetensors",
        "model.fp16.safetensors", "pytorch_model.fp16.bin", "fp16/model.safetensors",
        "adapter_model.safetensors", "optimizer.pt", "training_args.bin", "README.md",
        ".gitattributes", "assets/photo.png", "runs/now/events.out.tfevents.1",
    ],
)  # fmt: skip
def test_what_is_not_needed(name: str) -> None:
    assert name not in needed([*SMALL, *SAFE, name])


@pytest.mark.parametrize(
    "name", ["model.safetensors", "model.safetensors-00001-of-00009.safetensors"]
)
def test_other_names_of_weights(name: str) -> None:
    assert needed([*SMALL, name, "pytorch_model.bin"]) == (*SMALL, name)


def test_a_rehearsal_needs_no_weights_and_no_large_file() -> None:
    sizes = dict.fromkeys([*SMALL, *SAFE, *TORCH, *INDEXES, "README.md"], 1000)
    assert without_weights({**sizes, "rows.jsonl": LARGEST + 1}) == tuple(SMALL)


def test_code_in_folders_is_kept() -> None:
    assert "vision/encoder.py" in needed([*SMALL, *SAFE, "vision/encoder.py"])


@given(st.lists(st.text(min_size=1)))
def test_nothing_is_added_or_reordered(names: list[str]) -> None:
    kept = list(needed(names))
    assert kept == [name for name in names if name in set(kept)]
