"""Small pictures as bytes, made here: whole ones to start from, which a test then damages."""

from __future__ import annotations

import struct
import zlib

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def png(colours: int = 2, width: int = 4, height: int = 3) -> bytes:
    """A PNG of one grey level; ``colours`` is PNG's colour type (2: RGB)."""
    row = b"\0" + bytes([90]) * (_CHANNELS[colours] * width)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0))]
    if colours == 3:
        parts.append((b"PLTE", bytes(3 * 256)))
    parts += [(b"IDAT", zlib.compress(row * height)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in parts)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def jpeg(components: int = 3, thumbnail: bool = False) -> bytes:
    """The outer shape of a JPEG; ``thumbnail``: with a whole small picture in its head."""
    frame = struct.pack(">BHHB", 8, 3, 4, components) + bytes(3 * components)
    inner = b"Exif\0\0" + (jpeg() if thumbnail else b"")
    head = _segment(0xE1, inner) + _segment(0xC0, frame) + _segment(0xDA, bytes(6))
    return b"\xff\xd8" + head + b"\x12\x34" * 40 + b"\xff\xd9"


def _segment(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body


def webp(flags: int | None = None) -> bytes:
    """A lossy WebP, or an extended one with these flags (0x10: it has transparency)."""
    body = b"VP8 " if flags is None else b"VP8X"
    body += struct.pack("<IB", 10, flags or 0) + bytes(9)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def bmp(bits: int = 24) -> bytes:
    """A BMP of 4 x 3 points."""
    pixels = bytes((4 * bits + 31) // 32 * 4 * 3)
    head = struct.pack("<IiiHH", 40, 4, 3, 1, bits) + bytes(24)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + head + pixels
