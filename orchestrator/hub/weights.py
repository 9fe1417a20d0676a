"""What the head of a weight file says about the rest of it."""

from __future__ import annotations

import zipfile
from pathlib import Path

from orchestrator.base.weights import DamagedWeights, tensors

_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_LARGEST = 1024
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
    if path.stat().st_size == 0:
        return "empty"
    if path.suffix != ".safetensors":
        return _torch_fault(path)
    try:
        tensors(path)
    except DamagedWeights as error:
        return str(error)
    return None


def tensor_names(path: Path) -> frozenset[str] | None:
    """Names of the tensors in a safetensors file; None for a format that does not list them."""
    return frozenset(tensors(path)) if path.suffix == ".safetensors" else None


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
