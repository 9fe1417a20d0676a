"""What a finished training must have left, read without torch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from orchestrator.base.language import say
from orchestrator.base.plan import Check, Facts, Proof
from orchestrator.base.tensor import DamagedWeights, Tensor, is_not_finite
from orchestrator.engines.upstream import training
from orchestrator.verifying.artifacts import MODEL, diverged, json_of, tensors_of, wrong

PREFIX = "transformer.prefix_encoder."
WEIGHTS = "pytorch_model.bin"


def _not_learnt() -> str:
    return say(
        "the prefix began as uninitialised memory (transformers 4.36 and newer do not set it), or "
        "the training diverged; a loss of 0.0 in the log is a NaN that was filtered",
        "前缀从未初始化的内存开始（transformers 4.36 及以上不会初始化它），或训练发散；"
        "日志中为 0.0 的损失是被过滤掉的 NaN",
    )


def check_training(path: Path, _base: Path | None) -> Facts:
    """A training that took its last step, after which the script saves the weights in any case."""
    return training.check_training(path, _not_learnt())


def check_prefix(path: Path, _base: Path | None) -> Facts:
    """A P-Tuning checkpoint: the prefix encoder alone, 32 bits, every number finite, and as long
    as its config says (inference.py must be told that length)."""
    file = path / WEIGHTS
    config = json_of(
        path / "config.json", say("the training left no config.json", "训练没有留下 config.json")
    )
    if not file.is_file():
        raise wrong(say(f"the training left no {WEIGHTS}", f"训练没有留下 {WEIGHTS}"), path)
    found = tensors_of(file)
    others = sorted(name for name in found if not name.startswith(PREFIX))
    if others:
        raise wrong(
            say(
                f"{WEIGHTS} holds more than the prefix: {others[0]}",
                f"{WEIGHTS} 中除了前缀还有别的内容：{others[0]}",
            ),
            file,
        )
    embedding = found.get(f"{PREFIX}embedding.weight")
    if embedding is None:
        raise wrong(say(f"{WEIGHTS} holds no prefix", f"{WEIGHTS} 中没有前缀"), file)
    length = config.get("pre_seq_len")
    if embedding.shape[0] != length:
        raise wrong(
            say(
                f"the prefix has {embedding.shape[0]} positions, its config says {length}",
                f"前缀有 {embedding.shape[0]} 个位置，而它的配置写的是 {length}",
            ),
            file,
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
        raise wrong(
            say(f"the file {file.name} cannot be read", f"文件 {file.name} 无法读取"),
            file,
            str(error),
        ) from error
    if broken:
        raise diverged(
            say(
                f"the prefix holds NaN or infinite numbers ({name})",
                f"前缀含有 NaN 或无穷大（{name}）",
            ),
            file,
            _not_learnt(),
        )


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
