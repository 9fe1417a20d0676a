"""Look into weight files without torch: names, shapes, types and bytes.

Two formats: safetensors (a JSON header before the data; source: the safetensors README) and
torch's own (:mod:`orchestrator.base.torch_files`).
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from orchestrator.base.language import say
from orchestrator.base.tensor import TYPE_SIZES, DamagedWeights, Tensor, as_damage, cut, what_else
from orchestrator.base.torch_files import opened

_HEADER_LIMIT = 100 * 1024 * 1024


def tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a ``.safetensors``, ``.bin``, ``.pth`` or ``.pt`` file, by dotted name.

    For a training checkpoint these are the tensors under ``state_dict`` (or ``module``, as
    DeepSpeed names it). Raises :class:`DamagedWeights`.
    """
    if path.suffix == ".safetensors":
        return _safetensors(path)
    return opened(path).tensors()


def _safetensors(path: Path) -> dict[str, Tensor]:
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if len(head) < 8 or length > min(size - 8, _HEADER_LIMIT):
            other = what_else(head + stream.read(56))
            misfit = say(
                f"its header does not fit into it: {cut()}", f"它的文件头超出了文件本身：{cut()}"
            )
            raise DamagedWeights(other or misfit)
        try:
            header = json.loads(stream.read(length))
        except ValueError as error:
            raise DamagedWeights(say("its header is not JSON", "它的文件头不是 JSON")) from error
    if not isinstance(header, dict):
        raise DamagedWeights(say("its header is not a JSON object", "它的文件头不是 JSON 对象"))
    found: dict[str, Tensor] = {}
    last = 8 + length
    for name, entry in header.items():
        if name != "__metadata__":
            found[name], end = _described(path, name, entry, 8 + length)
            last = max(last, end)
    if size != last:
        lengths = say(
            f"it has {size:,} bytes where its header says {last:,}",
            f"它有 {size:,} 字节，而文件头写的是 {last:,}",
        )
        why = say(f": {cut()}", f"：{cut()}") if size < last else ""
        raise DamagedWeights(f"{lengths}{why}")
    return found


def _described(path: Path, name: str, entry: Any, start: int) -> tuple[Tensor, int]:
    """A tensor from its header entry, and where it ends in the file; ``start`` is the data's."""
    with as_damage(
        say(f"its header does not describe the tensor {name}", f"它的文件头没有正确描述张量 {name}")
    ):
        begin, end = (int(side) for side in entry["data_offsets"])
        shape = tuple(int(side) for side in entry["shape"])
        tensor = Tensor(path, str(entry["dtype"]), shape, start + begin)
        known = tensor.dtype in TYPE_SIZES
        if not 0 <= begin <= end or (known and tensor.nbytes != end - begin):
            raise DamagedWeights(
                say(
                    f"shape and bytes of the tensor {name} do not fit",
                    f"张量 {name} 的形状与字节数不符",
                )
            )
    return tensor, start + end
