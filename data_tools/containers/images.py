"""Look at an image file without decoding it: its kind, its colours, and whether its end is there.

Only headers are read and the last bytes, so that a hundred thousand pictures take seconds; bytes
damaged in the middle are left to whoever decodes them. Sources: PNG (W3C), ITU-T T.81 (JPEG),
the WebP container specification, BITMAPINFOHEADER. TIFF is recognised and not looked into.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

RGB = "RGB"
_TAIL = 1 << 16
_PNG = {0: "grey", 2: RGB, 3: "a palette", 4: "grey with transparency", 6: "RGBA"}
_JPEG = {1: "grey", 3: RGB, 4: "CMYK"}
_TIFF = (b"II*\0", b"MM\0*")


class _Cut(Exception):
    """The file ends before its picture does."""


def image_fault(path: str | os.PathLike[str]) -> str | None:
    """What keeps the picture from being read as RGB, in words; None when nothing does."""
    try:
        with Path(path).open("rb") as file:
            colours = _colours(file)
    except FileNotFoundError:
        return "there is no such file"
    except OSError as error:
        return error.strerror or "it cannot be read"
    except (_Cut, struct.error):
        return "it is cut off: the file ends before the picture does"
    if colours is None:
        return "it is no image that is known here (PNG, JPEG, WebP, BMP, TIFF)"
    if colours == RGB:
        return None
    return f"it is not RGB but {colours}: convert it (Pillow: Image.open(a).convert('RGB').save(b))"


def _colours(file: BinaryIO) -> str | None:
    head = file.read(12)
    if not head:
        raise _Cut
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(file)
    if head.startswith(b"\xff\xd8"):
        return _jpeg(file)
    if head.startswith(b"RIFF") and head[8:] == b"WEBP":
        return _webp(file, head)
    if head.startswith(b"BM"):
        return _bmp(file, head)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "a palette"
    return RGB if head.startswith(_TIFF) else None


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _png(file: BinaryIO) -> str:
    """Chunk after chunk (length, name, bytes, checksum) as far as IEND."""
    place, size, colours = 8, _size(file), ""
    while True:
        file.seek(place)
        length, name = struct.unpack(">I4s", file.read(8))
        if name == b"IHDR":
            kind = struct.unpack(">IIBB", file.read(10))[3]
            colours = _PNG.get(kind, f"colour type {kind}")
        place += 12 + length
        if place > size:
            raise _Cut
        if name == b"IEND":
            return colours


def _jpeg(file: BinaryIO) -> str:
    """Segment after segment as far as the picture's bytes, whose end mark must come after them."""
    place, colours = 2, ""
    while True:
        file.seek(place)
        mark, kind = struct.unpack(">BB", file.read(2))
        if mark != 0xFF:
            return "damaged between its segments"
        if kind == 0xFF:  # a fill byte
            place += 1
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            count = struct.unpack(">BHHB", file.read(6))[3]
            colours = _JPEG.get(count, f"made of {count} components")
        place += 2 + length
        if kind == 0xDA:
            break
    file.seek(max(place, _size(file) - _TAIL))
    if b"\xff\xd9" not in file.read():
        raise _Cut
    return colours


def _webp(file: BinaryIO, head: bytes) -> str:
    if struct.unpack("<I", head[4:8])[0] + 8 > _size(file):
        raise _Cut
    name, _length, flags = struct.unpack("<4sIB", file.read(9))
    if name == b"VP8X":
        return "RGBA" if flags & 0x10 else RGB
    if name == b"VP8L":  # after the signature byte: 14 bits of width, 14 of height, one of alpha
        return "RGBA" if struct.unpack("<I", file.read(4))[0] >> 28 & 1 else RGB
    return RGB


def _bmp(file: BinaryIO, head: bytes) -> str:
    file.seek(10)
    start, _header, width, height, _planes, bits = struct.unpack("<IIiiHH", file.read(20))
    if start + (abs(width) * bits + 31) // 32 * 4 * abs(height) > _size(file) and bits >= 16:
        raise _Cut
    return RGB if bits in (24, 32) else f"of {bits} bits a pixel"
