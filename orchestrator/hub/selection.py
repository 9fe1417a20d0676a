"""Which files of a repository are needed to train: weights in one format, and no by-products."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

HEAVY: tuple[str, ...] = ("*.onnx", "*.gguf", "*.msgpack", "*.h5", "*.ot", "original/*")
"""The same weights for other programs: what is worth an ``--exclude`` in a command."""

UNNEEDED: tuple[str, ...] = (
    *HEAVY,
    "onnx/*", "*.onnx_data", "gguf/*", "*.ggml", "openvino/*", "coreml/*", "*.mlmodel",
    "*.mlpackage/*", "*.tflite", "*.nemo", "metal/*",
    # What a training run left behind.
    "optimizer.pt", "optimizer.bin", "scheduler.pt", "rng_state*", "training_args.bin",
    "trainer_state.json", "events.out.tfevents*", "runs/*", "checkpoint-*/*",
    # Pages, pictures and housekeeping.
    "*.md", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.webp", "*.svg", "*.mp4", "*.wav", "*.pdf",
    ".*", "*/.*",
)  # fmt: skip

LARGEST = 100_000_000
"""Bytes; the largest tokenizers have 35 MB."""
_FORMATS = (
    re.compile(r"model(\.safetensors)?(-\d+-of-\d+)?\.safetensors"),
    re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin"),
)
_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")


def needed(names: Iterable[str]) -> tuple[str, ...]:
    """The names worth downloading, in order.

    Weights come in one format: safetensors when the repository has them, else ``.bin``. Anything
    else stays unless it is known not to be needed, since remote code may read any small file.
    """
    kept = tuple(name for name in names if not any(fnmatchcase(name, p) for p in UNNEEDED))
    for chosen in _FORMATS:
        if any(chosen.fullmatch(name) for name in kept):
            return tuple(name for name in kept if not _superseded(name, chosen))
    return kept


def without_weights(sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Config, code and tokenizer: the needed names without weights and indexes of weights.

    ``sizes`` are bytes by name. What is larger than any tokenizer is something else.
    """
    kept = (name for name in needed(sizes) if sizes[name] <= LARGEST)
    return tuple(name for name in kept if not is_weight(name.removesuffix(".index.json")))


def is_weight(name: str) -> bool:
    return name.endswith(_WEIGHT_SUFFIXES)


def _superseded(name: str, chosen: re.Pattern[str]) -> bool:
    """Whether this is a weight file, or the index of one, in another form than the chosen one."""
    stem = name.removesuffix(".index.json")
    return is_weight(stem) and not chosen.fullmatch(stem)
