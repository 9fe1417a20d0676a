"""One tensor of a weight file: where its bytes are, and what they hold. Without torch and numpy."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.language import say

TYPE_SIZES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
    "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
#: In steps of 16 bits, little-endian: which word of a value holds its exponent, and the bits of it
#: that are all set in an infinity and in a NaN (IEEE 754; a bfloat16 is half a float32).
_EXPONENTS = {"F16": (1, 0x7C00), "BF16": (1, 0x7F80), "F32": (2, 0x7F80), "F64": (4, 0x7FF0)}
#: A tensor is read whole up to this size; of a larger one only pieces, evenly spread.
_WHOLE, _PIECES, _PIECE = 4 << 20, 8, 32 << 10


def cut() -> str:
    """Why a file ends too early."""
    return say(
        "it was cut off while it was written, copied or downloaded (is the disk full?)",
        "它在写入、复制或下载时被截断（磁盘是否已满？）",
    )


class DamagedWeights(ValueError):
    """A weight file is cut off, or is not what its name says. ``str()`` says how."""


@contextlib.contextmanager
def as_damage(what: str) -> Iterator[None]:
    """zipfile, zlib and pickle raise almost anything over damaged bytes; here it is one error."""
    try:
        yield
    except DamagedWeights:
        raise
    except Exception as error:
        raise DamagedWeights(f"{what}: {str(error) or type(error).__name__}") from error


def what_else(head: bytes) -> str | None:
    """What a file that should hold weights is instead, in words; None when it may hold some."""
    start = head.lstrip()
    if not head:
        return say("it is empty", "它是空文件")
    if not head.strip(b"\0"):
        return say(f"it begins with zero bytes: {cut()}", f"它以零字节开头：{cut()}")
    if start.startswith(b"version https://git-lfs"):
        return say(
            "it is a Git LFS pointer, a short text in the place of the file",
            "它是 Git LFS 指针，即代替该文件的一段短文本",
        )
    if start[:1] in (b"<", b"{"):
        return say(
            "it is a text of a web site, not weights: a download that the site refused",
            "它是网站返回的文本，不是权重：下载被网站拒绝",
        )
    return None


@dataclass(frozen=True)
class Tensor:
    """Where a tensor's bytes are, counted from the file's start."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * TYPE_SIZES.get(self.dtype, 1)

    def pieces(self, spots: Iterable[tuple[int, int]]) -> Iterator[bytes]:
        """The bytes at each (begin, length), counted from the tensor's start."""
        with (
            as_damage(say("its bytes cannot be read", "无法读取它的字节")),
            self.file.open("rb") as stream,
        ):
            for begin, length in spots:
                stream.seek(self.offset + begin)
                piece = stream.read(length)
                if len(piece) < length:
                    raise DamagedWeights(
                        say("the file ends inside a tensor", "文件在某个张量中间结束")
                    )
                yield piece

    def chunks(self, size: int = 1 << 16) -> Iterator[bytes]:
        """All the tensor's bytes in pieces, for contiguous tensors."""
        whole = self.nbytes
        return self.pieces((at, min(size, whole - at)) for at in range(0, whole, size))

    def samples(self) -> Iterator[bytes]:
        """All of a small tensor; of a large one pieces, evenly spread. Whole values only."""
        if self.nbytes <= _WHOLE:
            return self.chunks(_PIECE)
        last = self.nbytes - _PIECE
        begins = (last * number // (_PIECES - 1) // 8 * 8 for number in range(_PIECES))
        return self.pieces((begin, _PIECE) for begin in begins)


def is_zero(tensor: Tensor) -> bool:
    """Whether every byte is zero; most tensors are left after the first piece."""
    seen = any(piece.strip(b"\0") for piece in tensor.samples())
    return not seen and not any(piece.strip(b"\0") for piece in tensor.chunks())


def is_not_finite(tensor: Tensor, *, whole: bool = False) -> bool:
    """Whether a float tensor holds a NaN or an infinity, in its samples or in the whole of it."""
    if tensor.dtype not in _EXPONENTS:
        return False
    step, bits = _EXPONENTS[tensor.dtype]
    pieces = tensor.chunks() if whole else tensor.samples()
    return any(_has(piece, step, bits) for piece in pieces)


def _has(piece: bytes, step: int, bits: int) -> bool:
    words = memoryview(piece[: len(piece) // (2 * step) * 2 * step]).cast("H")
    return any(word & bits == bits for word in set(words[step - 1 :: step]))
