"""Look into weight files without torch: names, shapes, types and bytes.

Two formats: safetensors (a JSON header before the data) and torch's zip (a pickle beside one file
a storage). The pickle is read by an unpickler that builds no foreign object and runs no foreign
code. Sources: the safetensors README; torch/csrc/jit/serialization and torch/serialization.py.
"""

from __future__ import annotations

import contextlib
import json
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_TYPE_SIZES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
    "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
_STORAGES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL",
}  # fmt: skip
_CUT_OFF = "it is not a whole torch file (cut off while it was written?)"
_HEADER_LIMIT = 100 * 1024 * 1024


class DamagedWeights(ValueError):
    """A weight file is cut off, or is not what its name says. ``str()`` says how."""


@dataclass(frozen=True)
class Tensor:
    """Where a tensor's bytes are: ``member`` of a zip, or an offset from the file's start."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    member: str | None
    offset: int

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * _TYPE_SIZES.get(self.dtype, 1)

    def chunks(self, size: int = 1 << 16) -> Iterator[bytes]:
        """The tensor's bytes in pieces, for contiguous tensors."""
        if self.member is None:
            with self.file.open("rb") as stream:
                stream.seek(self.offset)
                yield from _pieces(stream, self.nbytes, size)
            return
        with (
            _as_damage(f"the bytes of {self.member} cannot be read"),
            zipfile.ZipFile(self.file) as archive,
            archive.open(self.member) as inner,
        ):
            inner.seek(self.offset)
            yield from _pieces(inner, self.nbytes, size)


@contextlib.contextmanager
def _as_damage(what: str) -> Iterator[None]:
    """zipfile, zlib and pickle raise almost anything over damaged bytes; here it is one error."""
    try:
        yield
    except DamagedWeights:
        raise
    except Exception as error:
        raise DamagedWeights(f"{what}: {str(error) or type(error).__name__}") from error


def _pieces(stream: IO[bytes], left: int, size: int) -> Iterator[bytes]:
    while left > 0:
        piece = stream.read(min(size, left))
        if not piece:
            raise DamagedWeights("the file ends inside a tensor")
        left -= len(piece)
        yield piece


def tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a ``.safetensors``, ``.bin``, ``.pth`` or ``.pt`` file, by dotted name.

    For a training checkpoint these are the tensors under ``state_dict`` (or ``module``, as
    DeepSpeed names it). Raises :class:`DamagedWeights`.
    """
    if path.suffix == ".safetensors":
        return _safetensors(path)
    return _torch_tensors(path)


def _safetensors(path: Path) -> dict[str, Tensor]:
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(8)
        if len(head) < 8:
            raise DamagedWeights("the file is shorter than its own header")
        (length,) = struct.unpack("<Q", head)
        if length > min(size - 8, _HEADER_LIMIT):
            raise DamagedWeights("its header does not fit into the file")
        try:
            header = json.loads(stream.read(length))
        except ValueError as error:
            raise DamagedWeights("its header is not JSON") from error
    if not isinstance(header, dict):
        raise DamagedWeights("its header is not a JSON object")
    found: dict[str, Tensor] = {}
    last = 8 + length
    for name, entry in header.items():
        if name != "__metadata__":
            found[name], end = _described(path, name, entry, 8 + length)
            last = max(last, end)
    if size != last:
        raise DamagedWeights(f"{size:,} bytes where its header says {last:,}")
    return found


def _described(path: Path, name: str, entry: Any, start: int) -> tuple[Tensor, int]:
    """A tensor from its header entry, and where it ends in the file; ``start`` is the data's."""
    with _as_damage(f"its header does not describe the tensor {name}"):
        begin, end = (int(side) for side in entry["data_offsets"])
        shape = tuple(int(side) for side in entry["shape"])
        tensor = Tensor(path, str(entry["dtype"]), shape, None, start + begin)
        known = tensor.dtype in _TYPE_SIZES
        if not 0 <= begin <= end or (known and tensor.nbytes != end - begin):
            raise DamagedWeights(f"shape and bytes of the tensor {name} do not fit")
    return tensor, start + end


# ------------------------------------------------------------------ torch's zip


@dataclass(frozen=True)
class _Storage:
    dtype: str
    key: str


@dataclass(frozen=True)
class _Rebuilt:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]


class _Opaque:
    """Stands for any object of a class that is not a tensor: it takes whatever it is given."""

    def __new__(cls, *_args: object, **_kwargs: object) -> _Opaque:
        return object.__new__(cls)

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        self.state: object = None

    def __call__(self, *_args: object, **_kwargs: object) -> _Opaque:
        return self

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, _key: object, _value: object) -> None:
        self.state = None

    def append(self, _value: object) -> None:
        self.state = None

    def extend(self, _values: object) -> None:
        self.state = None


def _rebuild_tensor(storage: Any, offset: int, shape: tuple[int, ...], *_rest: object) -> Any:
    if not isinstance(storage, _Storage):
        return _Opaque()
    return _Rebuilt(storage, int(offset), tuple(int(side) for side in shape))


def _rebuild_parameter(tensor: Any, *_rest: object) -> Any:
    return tensor


class _NamesOnly(pickle.Unpickler):
    """Rebuilds containers and tensor descriptions; every other class becomes opaque."""

    _SAFE: Mapping[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
        ("torch._tensor", "_rebuild_from_type_v2"): lambda func, _type, args, _state: func(*args),
    }

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return _Storage(_STORAGES[name], "")
        return self._SAFE.get((module, name), _Opaque)

    def persistent_load(self, pid: Any) -> Any:
        kind, storage, key = pid[:3]
        if kind != "storage" or not isinstance(storage, _Storage):
            return _Opaque()
        return _Storage(storage.dtype, str(key))


def _torch_tensors(path: Path) -> dict[str, Tensor]:
    if not zipfile.is_zipfile(path):
        raise DamagedWeights(_CUT_OFF)
    with _as_damage("its pickle cannot be read"), zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        pickles = [name for name in names if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise DamagedWeights("it has no data.pkl, so it is not a torch file")
        root = pickles[0][: -len("data.pkl")]
        with archive.open(pickles[0]) as stream:
            value = _NamesOnly(stream).load()
    found: dict[str, Tensor] = {}
    for name, tensor in _named(value):
        member = f"{root}data/{tensor.storage.key}"
        if member not in names:
            raise DamagedWeights(f"the bytes of {name} are missing")
        offset = tensor.offset * _TYPE_SIZES.get(tensor.storage.dtype, 1)
        found[name] = Tensor(path, tensor.storage.dtype, tensor.shape, member, offset)
    return found


def _named(value: Any) -> Iterator[tuple[str, _Rebuilt]]:
    state = value
    if isinstance(value, Mapping):
        for key in ("state_dict", "module"):
            if isinstance(value.get(key), Mapping):
                state = value[key]
                break
    if isinstance(state, Mapping):
        for name, item in state.items():
            if isinstance(item, _Rebuilt):
                yield str(name), item


def check_bytes(path: Path) -> None:
    """Read a torch zip to its end and compare every checksum. Raises :class:`DamagedWeights`."""
    with _as_damage(_CUT_OFF), zipfile.ZipFile(path) as archive:
        bad = archive.testzip()
    if bad is not None:
        raise DamagedWeights(f"the checksum of {bad} does not fit")


_FLOATS = {"F16": "e", "F32": "f", "F64": "d"}


def is_zero(tensor: Tensor) -> bool:
    """Whether every byte of the tensor is zero (reads only as far as it must)."""
    return not any(piece.strip(b"\0") for piece in tensor.chunks())


def starts_not_finite(tensor: Tensor) -> bool:
    """Whether the first chunk of a float tensor holds a NaN or an infinity."""
    return not _is_finite(tensor.dtype, next(tensor.chunks(), b""))


def is_finite(tensor: Tensor) -> bool:
    """Whether no number of the tensor is a NaN or an infinity; for small tensors: it reads all."""
    return all(_is_finite(tensor.dtype, piece) for piece in tensor.chunks())


def _is_finite(dtype: str, piece: bytes) -> bool:
    if dtype == "BF16":
        # A bfloat16 is the upper half of a float32: exponent bits all set mean inf or NaN.
        words = struct.unpack(f"<{len(piece) // 2}H", piece[: len(piece) // 2 * 2])
        return not any(word & 0x7F80 == 0x7F80 for word in words)
    code = _FLOATS.get(dtype)
    if code is None:
        return True
    width = struct.calcsize(code)
    values = struct.unpack(f"<{len(piece) // width}{code}", piece[: len(piece) // width * width])
    return all(math.isfinite(value) for value in values)
