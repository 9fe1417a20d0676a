"""Weight files written by hand: safetensors, and torch's zip without torch."""

from __future__ import annotations

import io
import json
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U8": 1}
_CLASSES = {
    "F64": "DoubleStorage", "F32": "FloatStorage", "F16": "HalfStorage",
    "BF16": "BFloat16Storage", "I64": "LongStorage", "U8": "ByteStorage",
}  # fmt: skip


class Raw(NamedTuple):
    """A tensor: its type as safetensors names it, its shape, and its bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


def filled(shape: tuple[int, ...], byte: int = 1, dtype: str = "F32") -> Raw:
    count = 1
    for side in shape:
        count *= side
    return Raw(dtype, shape, bytes([byte]) * (count * _WIDTHS[dtype]))


def safetensors(tensors: Mapping[str, Raw], metadata: Mapping[str, str] | None = None) -> bytes:
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name, raw in tensors.items():
        end = offset + len(raw.data)
        header[name] = {"dtype": raw.dtype, "shape": raw.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(raw.data for raw in tensors.values())


class _Storage:
    def __init__(self, kind: type, key: str, count: int) -> None:
        self.pid = ("storage", kind, key, "cpu", count)


class _Tensor:
    def __init__(self, rebuild: Any, storage: _Storage, shape: tuple[int, ...]) -> None:
        self.made = (rebuild, (storage, 0, shape, (1,) * len(shape), False, OrderedDict()))

    def __reduce__(self) -> Any:
        return self.made


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return obj.pid if isinstance(obj, _Storage) else None


def _rebuild_tensor_v2(*args: object) -> None:
    """Only its name is pickled."""


def _pickled(tensors: Mapping[str, Raw], under: str | None, more: Mapping[str, Any]) -> bytes:
    """The value as torch pickles it, with storages of torch's own classes, without torch."""
    modules = {name: types.ModuleType(name) for name in ("torch", "torch._utils")}
    for name in _CLASSES.values():
        setattr(modules["torch"], name, type(name, (), {"__module__": "torch"}))
    _rebuild_tensor_v2.__module__ = "torch._utils"
    vars(modules["torch._utils"])["_rebuild_tensor_v2"] = _rebuild_tensor_v2
    described = {
        name: _Tensor(
            _rebuild_tensor_v2,
            _Storage(getattr(modules["torch"], _CLASSES[raw.dtype]), str(number), len(raw.data)),
            raw.shape,
        )
        for number, (name, raw) in enumerate(tensors.items())
    }
    pickled = io.BytesIO()
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        value: Any = described if under is None else {under: described, **more}
        _Pickler(pickled, protocol=2).dump(value)
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    return pickled.getvalue()


def torch_zip(
    tensors: Mapping[str, Raw], *, under: str | None = "state_dict", **more: Any
) -> bytes:
    """What ``torch.save({under: tensors, **more})`` writes; ``under`` None saves them bare."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", _pickled(tensors, under, more))
        for number, raw in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{number}", raw.data)
    return buffer.getvalue()


def old_torch(tensors: Mapping[str, Raw]) -> bytes:
    """What torch before 1.6 wrote: pickles in a row, then a count and the bytes of each storage."""
    head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    parts = [pickle.dumps(one, protocol=2) for one in head]
    parts.append(_pickled(tensors, None, {}))
    parts.append(pickle.dumps([str(number) for number in range(len(tensors))], protocol=2))
    for raw in tensors.values():
        parts.append((len(raw.data) // _WIDTHS[raw.dtype]).to_bytes(8, "little") + raw.data)
    return b"".join(parts)


def adapter_tensors(modules: list[str], *, b: int = 1) -> dict[str, Raw]:
    """The pairs of a LoRA adapter as peft names them; ``b`` is the byte that fills each lora_B."""
    found = {}
    for module in modules:
        key = f"base_model.model.{module}"
        found[f"{key}.lora_A.weight"] = filled((2, 4))
        found[f"{key}.lora_B.weight"] = filled((4, 2), b)
    return found
