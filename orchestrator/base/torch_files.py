"""The files that ``torch.save`` writes, read without torch.

Since torch 1.6 such a file is a zip with a pickle beside one file a storage; before, it was a row
of pickles with the storages behind them. The pickle is read by an unpickler that builds no foreign
object and runs no foreign code. Sources: torch/serialization.py, torch/csrc/jit/serialization.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from orchestrator.base.language import say
from orchestrator.base.tensor import TYPE_SIZES, DamagedWeights, Tensor, as_damage, cut, what_else

_STORAGES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL",
}  # fmt: skip
_ZIP = b"PK\x03\x04"
#: The number that begins every file of torch before 1.6, as pickled (torch.serialization).
_OLD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_LOCAL_HEADER = struct.Struct("<26x2H")


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

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self.types: dict[str, str] = {}

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
        self.types[str(key)] = storage.dtype
        return _Storage(storage.dtype, str(key))


@dataclass(frozen=True)
class TorchFile:
    """What ``torch.save`` was given, in which tensors are only described, and where its bytes are.

    ``starts`` are the storages' offsets in the file, by key.
    """

    path: Path
    value: Any
    starts: Mapping[str, int]

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by name: those of ``state_dict`` or ``module`` when there is one."""
        found: dict[str, Tensor] = {}
        for name, tensor in _named(self.value):
            kind = tensor.storage.dtype
            if tensor.storage.key not in self.starts:
                raise DamagedWeights(say(f"the bytes of {name} are missing", f"缺少 {name} 的字节"))
            offset = self.starts[tensor.storage.key] + tensor.offset * TYPE_SIZES.get(kind, 1)
            found[name] = Tensor(self.path, kind, tensor.shape, offset)
        return found


def opened(path: Path) -> TorchFile:
    """A ``.bin``, ``.pth`` or ``.pt`` file. Raises :class:`DamagedWeights`, in words."""
    with path.open("rb") as stream:
        head = stream.read(64)
    if head.startswith(_OLD):
        return _old(path)
    if not head.startswith(_ZIP):
        raise DamagedWeights(_no_torch_file(head))
    if not zipfile.is_zipfile(path):
        raise DamagedWeights(_cut_off(path))
    return _zip(path)


def _cut_off(path: Path) -> str:
    size = path.stat().st_size
    return say(
        f"it ends after {size:,} bytes, before the table that every torch file has at its end: "
        f"{cut()}",
        f"它在 {size:,} 字节处结束，缺少每个 torch 文件末尾都有的表：{cut()}",
    )


def _no_torch_file(head: bytes) -> str:
    if head.startswith(b"\x80"):
        return say(
            "it is a Python pickle that torch did not write, or only the beginning of a file",
            "它是并非由 torch 写出的 Python pickle，或只是文件的开头",
        )
    other = what_else(head)
    return other or say(
        "torch has not written it (cut off, or overwritten with something else)",
        "它不是 torch 写出的（被截断，或被其他内容覆盖）",
    )


def _zip(path: Path) -> TorchFile:
    with (
        as_damage(say("its list of tensors cannot be read", "无法读取它的张量列表")),
        zipfile.ZipFile(path) as archive,
    ):
        inside = {one.filename: one for one in archive.infolist()}
        pickles = [name for name in inside if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise DamagedWeights(
                say(
                    "it is a zip without data.pkl, so torch did not write it",
                    "它是不含 data.pkl 的 zip，因此不是 torch 写出的",
                )
            )
        folder = pickles[0][: -len("data.pkl")] + "data/"
        with archive.open(pickles[0]) as pickled:
            value = _NamesOnly(pickled).load()
        stored = {name: one for name, one in inside.items() if name.startswith(folder)}
        with path.open("rb") as stream:
            starts = {name[len(folder) :]: _start(stream, one) for name, one in stored.items()}
    return TorchFile(path, value, starts)


def _start(stream: IO[bytes], member: zipfile.ZipInfo) -> int:
    """Where the bytes of a zip's member begin: torch stores them as they are."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise DamagedWeights(
            say(
                "its bytes are compressed, which torch never does",
                "它的字节经过压缩，而 torch 从不压缩",
            )
        )
    stream.seek(member.header_offset)
    name, extra = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
    return member.header_offset + _LOCAL_HEADER.size + int(name) + int(extra)


def _old(path: Path) -> TorchFile:
    """torch before 1.6: number, version, machine, the value, the keys, then every storage."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        with as_damage(
            say(
                "it ends inside its list of tensors, or that was overwritten",
                "它在张量列表中间结束，或该列表被覆盖",
            )
        ):
            for _ in range(3):
                _NamesOnly(stream).load()
            unpickler = _NamesOnly(stream)
            value = unpickler.load()
            keys = [str(key) for key in _NamesOnly(stream).load()]
        starts, at = {}, stream.tell()
        for key in keys:
            with as_damage(
                say(
                    f"it ends before its last tensor: {cut()}", f"它在最后一个张量之前结束：{cut()}"
                )
            ):
                (count,) = struct.unpack("<q", stream.read(8))
            starts[key] = at + 8
            at += 8 + max(0, count) * TYPE_SIZES.get(unpickler.types.get(key, ""), 1)
            if at > size:
                raise DamagedWeights(
                    say(
                        f"its list says {at:,} bytes or more, it has {size:,}: {cut()}",
                        f"按其列表至少应有 {at:,} 字节，实有 {size:,}：{cut()}",
                    )
                )
            stream.seek(at)
    return TorchFile(path, value, starts)


def check_bytes(path: Path) -> None:
    """Read a torch file to its end and compare every checksum. Raises :class:`DamagedWeights`."""
    with path.open("rb") as stream:
        head = stream.read(64)
    if not head.startswith(_ZIP):
        opened(path)
        return
    with as_damage(_cut_off(path)), zipfile.ZipFile(path) as archive:
        bad = archive.testzip()
    if bad is not None:
        raise DamagedWeights(
            say(
                f"the bytes of {bad} are not those that were written: their checksum does not fit "
                "(a fault of the disk or of a copy)",
                f"{bad} 的字节与写入时不同：校验和不符（磁盘或复制有误）",
            )
        )


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
