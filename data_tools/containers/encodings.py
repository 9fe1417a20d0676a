"""Text encodings: recognised by samples of the file, read as UTF-8."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from data_tools.errors import DataError

HEAD = 1 << 16


def find_encoding(path: Path, head: bytes, gzipped: bool) -> str:
    """UTF-8 with or without BOM, UTF-16 or GB18030, judged by samples of the whole file."""
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    wide = _wide(head[:4096])
    if wide:
        return wide
    for sample in (head, *(() if gzipped else _samples(path))):
        if not _decodes(sample, "utf-8"):
            return "gb18030" if _decodes(sample, "gb18030") else "utf-8"
    return "utf-8"


def _wide(sample: bytes) -> str:
    """UTF-16 without a mark shows by its zero bytes, which stand on one side of the pairs."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    most = max(even, odd)
    if most * 20 < len(sample) // 2 or min(even, odd) * 8 > most or not most:
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _samples(path: Path) -> Iterator[bytes]:
    """Some blocks from the rest of the file, each from a line's beginning."""
    size = path.stat().st_size
    if size <= HEAD:
        return
    with path.open("rb") as file:
        for part in range(1, 9):
            file.seek(max(0, size * part // 8 - HEAD))
            block = file.read(HEAD)
            start = block.find(b"\n") + 1
            yield block[start:]


def _decodes(sample: bytes, encoding: str) -> bool:
    """Does it decode, but for a character cut off at its end?"""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        decoder.decode(sample)
    except UnicodeDecodeError:
        return False
    return True


class Recoder(io.RawIOBase):
    """A stream in another encoding, read as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str, where: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._where = where
        self._name = encoding
        self._left = b""
        self._lines = 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._left:
            chunk = self._stream.read(1 << 18)
            self._left = self._decode(chunk)
            if not chunk:
                break
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _decode(self, chunk: bytes) -> bytes:
        try:
            text = self._decoder.decode(chunk, final=not chunk)
            found = text.encode("utf-8")
        except UnicodeError as error:
            raise DataError(
                f"The text is not valid {self._name}",
                f"{self._where}:{self._lines} or after",
                str(error),
                "name the right encoding with --encoding, or save the file as UTF-8",
            ) from error
        self._lines += found.count(b"\n")
        return found.removeprefix(codecs.BOM_UTF8)

    def close(self) -> None:
        self._stream.close()
        super().close()
