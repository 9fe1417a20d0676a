"""What a finished training must have left, read without torch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from orchestrator.base.plan import Check, Facts, Proof
from orchestrator.base.tensor import DamagedWeights, Tensor, is_not_finite
from orchestrator.engines.upstream import training
from orchestrator.verifying.artifacts import MODEL, diverged, json_of, tensors_of, wrong

PREFIX = "transformer.prefix_encoder."
WEIGHTS = "pytorch_model.bin"
_NOT_LEARNT = (
    "the prefix began as uninitialised memory (transformers 4.36 and newer do not set it), or the "
    "training diverged; a loss of 0.0 in the log is a NaN that was filtered"
)


def check_training(path: Path, _base: Path | None) -> Facts:
    """A training that took its last step, after which the script saves the weights in any case."""
    return training.check_training(path, _NOT_LEARNT)


def check_prefix(path: Path, _base: Path | None) -> Facts:
    """A P-Tuning checkpoint: the prefix encoder alone, 32 bits, every number finite, and as long
    as its config says (inference.py must be told that length)."""
    file = path / WEIGHTS
    config = json_of(path / "config.json", "the training left no config.json")
    if not file.is_file():
        raise wrong(f"the training left no {WEIGHTS}", path)
    found = tensors_of(file)
    others = sorted(name for name in found if not name.startswith(PREFIX))
    if others:
        raise wrong(f"{WEIGHTS} holds more than the prefix: {others[0]}", file)
    embedding = found.get(f"{PREFIX}embedding.weight")
    if embedding is None:
        raise wrong(f"{WEIGHTS} holds no prefix", file)
    length = config.get("pre_seq_len")
    if embedding.shape[0] != length:
        raise wrong(
            f"the prefix has {embedding.shape[0]} positions, its config says {length}", file
        )
    for name, tensor in found.items():
        _must_be_finite(name, tensor, file)
    types = {_TYPES.get(tensor.dtype, tensor.dtype) for tensor in found.values()}
    return {
        "prefix_length": length,
        "shape": list(embedding.shape),
        "types": ", ".join(sorted(types)),
        "bytes": file.stat().st_size,
    }


def _must_be_finite(name: str, tensor: Tensor, file: Path) -> None:
    try:
        broken = is_not_finite(tensor, whole=True)
    except DamagedWeights as error:
        raise wrong(f"the file {file.name} cannot be read", file, str(error)) from error
    if broken:
        raise diverged(f"the prefix holds NaN or infinite numbers ({name})", file, _NOT_LEARNT)


def check_whole(path: Path, base: Path | None) -> Facts:
    """Every weight, in one file or in shards that fit their index, and what a number takes: the
    script trains in 32 bits and saves so (25 GB for 6B), DeepSpeed's fp16 saves 16."""
    facts = MODEL.check(path, base)
    types: Counter[str] = Counter()
    for file in sorted(path.glob("pytorch_model*.bin")):
        types.update(tensor.dtype for tensor in tensors_of(file).values())
    return {**facts, "types": ", ".join(_TYPES.get(name, name) for name in sorted(types))}


_TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def _trained(check: Check) -> Check:
    """A training that came to its end, and what ``check`` says of its weights."""
    return lambda path, base: {**check_training(path, base), **check(path, base)}


PREFIX_ENCODER = Proof(name="prefix encoder", check=_trained(check_prefix), marker=WEIGHTS)
WHOLE = Proof(name="model", check=_trained(check_whole), marker="trainer_state.json")
