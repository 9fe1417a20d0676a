"""What the head of a weight file says about the rest of it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_LARGEST = 1024
_HEADER_LARGEST = 100_000_000  # the format's own limit, safetensors/src/tensor.rs
_PICKLE = b"\x80"


def is_lfs_pointer(path: Path) -> bool:
    """Whether the file is Git LFS's stand-in text (git-lfs/docs/spec.md) for a large file."""
    try:
        if path.stat().st_size > _LFS_LARGEST:
            return False
        with path.open("rb") as file:
            return file.read(len(_LFS)) == _LFS
    except OSError:
        return False


def fault_of(path: Path) -> str | None:
    """What is wrong with a weight file, in a few words, or None."""
    size = path.stat().st_size
    if size == 0:
        return "empty"
    if path.suffix == ".safetensors":
        return _safetensors_fault(path, size)
    return _torch_fault(path)


def tensor_names(path: Path) -> frozenset[str] | None:
    """Names of the tensors in a safetensors file; None for a format that does not list them."""
    if path.suffix != ".safetensors":
        return None
    header = _header(path, path.stat().st_size)
    return frozenset(header) - {"__metadata__"} if isinstance(header, dict) else frozenset()


def _safetensors_fault(path: Path, size: int) -> str | None:
    header = _header(path, size)
    if isinstance(header, str):
        return header
    ends = [each["data_offsets"][1] for name, each in header.items() if name != "__metadata__"]
    with path.open("rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
    expected = start + max(ends, default=0)
    if size == expected:
        return None
    return f"{size:,} bytes where its header says {expected:,}"


def _header(path: Path, size: int) -> dict[str, Any] | str:
    """The header of a safetensors file, or what is wrong with it."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > _HEADER_LARGEST:
            return "not a safetensors file"
        if 8 + length > size:
            return f"{size:,} bytes, cut off inside its header of {length:,} bytes"
        text = file.read(length)
    try:
        header = json.loads(text)
        ok = all(
            len(each["data_offsets"]) == 2 and isinstance(each["data_offsets"][1], int)
            for name, each in header.items()
            if name != "__metadata__"
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        ok = False
    return header if ok else "not a safetensors file"


def _torch_fault(path: Path) -> str | None:
    """A .bin is a zip (its directory is at the end, so a cut file has none) or an old pickle."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic.startswith(_PICKLE):
        return None
    if magic != b"PK\x03\x04":
        return "neither a zip nor a pickle, so not saved by PyTorch"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return f"cut off: {path.stat().st_size:,} bytes and no zip directory at the end"
    return None if any(name.endswith("data.pkl") for name in names) else "a zip without data.pkl"
