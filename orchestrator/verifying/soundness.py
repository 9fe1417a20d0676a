"""Whether weights are worth keeping: finite, not empty, all there, and no longer the base model's.

Small tensors are read whole, of a large one pieces (see ``Tensor.samples``): a training that
diverged leaves NaN everywhere, and a low-rank update touches every part of a matrix.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.base.language import say
from orchestrator.base.tensor import TYPE_SIZES, DamagedWeights, Tensor, is_not_finite, is_zero
from orchestrator.base.weights import tensors

Weights = Mapping[str, Tensor]

_LAYER = re.compile(r"^(?P<stack>(?:.*?\.)?(?:layers|h|blocks|block))\.(?P<number>\d+)\.")
_LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers")
_TEXT = ("text_config", "llm_config", "language_config")
#: Of each tensor that many values are compared, at that many places.
_PLACES, _VALUES = 4, 2048
_CODES = {"F16": "e", "F32": "f", "F64": "d"}


def empty(found: Weights, base: Weights) -> str | None:
    """The first tensor without a value, in words, unless the base model's has none either."""
    for name, tensor in found.items():
        if 0 in tensor.shape and not (name in base and 0 in base[name].shape):
            return say(
                f"{name} has the shape {list(tensor.shape)}",
                f"{name} 的形状是 {list(tensor.shape)}",
            )
    return None


def not_finite(found: Weights, base: Weights) -> str | None:
    """The first tensor with a NaN or an infinity, unless the base model's has one too."""
    for name, tensor in found.items():
        if is_not_finite(tensor) and not (name in base and is_not_finite(base[name])):
            return say(f"{name} holds NaN or infinite values", f"{name} 含有 NaN 或无穷大")
    return None


def zero(found: Weights, base: Weights) -> str | None:
    """What of the matrices is zero and should not be, in words."""
    matrices = {name: one for name, one in found.items() if len(one.shape) > 1 and one.nbytes}
    lost = [name for name, one in matrices.items() if is_zero(one)]
    if lost and len(lost) == len(matrices):
        return say("every weight matrix is zero", "所有权重矩阵都为零")
    lost = [name for name in lost if name in base and not is_zero(base[name])]
    return (
        say(
            f"{lost[0]} is zero, and is not in the base model",
            f"{lost[0]} 为零，而在基座模型中不为零",
        )
        if lost
        else None
    )


def missing_layers(found: Weights, config: Mapping[str, Any], base: Weights) -> str | None:
    """Which layers of the config or of the base model the weights lack, in words."""
    held, known = _stacks(found), _stacks(base)
    for stack, numbers in known.items():
        lost = sorted(numbers - held.get(stack, numbers))
        if lost:
            return say(
                f"{len(lost)} of the base model's {len(numbers)} {stack} are missing: {lost[0]}",
                f"基座模型的 {len(numbers)} 个 {stack} 中缺少 {len(lost)} 个：{lost[0]}",
            )
    wanted = _layers_of(config)
    most = max((len(numbers) for numbers in held.values()), default=0)
    if wanted is not None and 0 < most < wanted:
        return say(
            f"config.json says {wanted} layers, the weights hold {most}",
            f"config.json 写明 {wanted} 层，权重只有 {most} 层",
        )
    return None


def _stacks(found: Weights) -> dict[str, set[int]]:
    stacks: dict[str, set[int]] = {}
    for name in found:
        if match := _LAYER.match(name):
            stacks.setdefault(match["stack"], set()).add(int(match["number"]))
    return stacks


def _layers_of(config: Mapping[str, Any]) -> int | None:
    inner = [config[key] for key in _TEXT if isinstance(config.get(key), dict)]
    for part in (*inner, config):
        for key in _LAYERS:
            if type(part.get(key)) is int:
                return int(part[key])
    return None


def changed(found: Weights, base: Weights) -> int | None:
    """How many matrices differ from the base model's; None when the two cannot be compared.

    They can be when most matrices of the base are there under the same name and in the same shape:
    a quantised export, or one with other names, is not.
    """
    matrices = {name for name, one in base.items() if len(one.shape) > 1}
    pairs = [name for name in matrices if name in found and found[name].shape == base[name].shape]
    pairs = [name for name in pairs if _comparable(found[name], base[name])]
    if not pairs or 2 * len(pairs) < len(matrices):
        return None
    return sum(_differ(found[name], base[name]) for name in pairs)


def _comparable(new: Tensor, old: Tensor) -> bool:
    floats = {"BF16", *_CODES}
    return new.dtype == old.dtype or {new.dtype, old.dtype} <= floats


def _differ(new: Tensor, old: Tensor) -> bool:
    for mine, before in zip(_places(new), _places(old), strict=True):
        if new.dtype == old.dtype:
            if mine != before:
                return True
        elif mine != _in(new.dtype, _values(old.dtype, before)):
            return True
    return False


def _places(tensor: Tensor) -> Iterator[bytes]:
    width = TYPE_SIZES.get(tensor.dtype, 1)
    count = tensor.nbytes // width
    size = min(_VALUES, count)
    begins = ((count - size) * place // (_PLACES - 1) * width for place in range(_PLACES))
    return tensor.pieces((begin, size * width) for begin in begins)


def _values(dtype: str, piece: bytes) -> tuple[float, ...]:
    if dtype == "BF16":
        words = struct.unpack(f"<{len(piece) // 2}H", piece)
        piece, dtype = struct.pack(f"<{len(words)}I", *(word << 16 for word in words)), "F32"
    code = _CODES[dtype]
    return struct.unpack(f"<{len(piece) // struct.calcsize(code)}{code}", piece)


def _in(dtype: str, values: tuple[float, ...]) -> bytes:
    """The values as the type stores them, rounded to the nearest; nothing when they do not fit."""
    try:
        if dtype != "BF16":
            return struct.pack(f"<{len(values)}{_CODES[dtype]}", *values)
        bits = struct.unpack(f"<{len(values)}I", struct.pack(f"<{len(values)}f", *values))
    except OverflowError:
        return b""
    halves = ((one + 0x7FFF + (one >> 16 & 1)) >> 16 & 0xFFFF for one in bits)
    return struct.pack(f"<{len(values)}H", *halves)


def weights_of(folder: Path) -> dict[str, Tensor] | None:
    """Every tensor of a model folder by name; None when its files cannot be read without torch."""
    try:
        found: dict[str, Tensor] = {}
        for name in files_of(folder):
            found.update(tensors(folder / name))
    except (DamagedWeights, OSError, ValueError):
        return None
    return found or None


def files_of(folder: Path) -> list[str]:
    """The weight files of a model folder, as its index names them or by their usual name."""
    for index in sorted(folder.glob("*.index.json")):
        told = json.loads(index.read_text(encoding="utf-8")).get("weight_map", {})
        return sorted(set(map(str, told.values())))
    singles = ("model.safetensors", "pytorch_model.bin")
    return next(([name] for name in singles if (folder / name).is_file()), [])
