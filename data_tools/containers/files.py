"""Files on the disk: which are meant, what is in them, and their bytes and text."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

from data_tools.containers.encodings import HEAD, Recoder, encoding_named, find_encoding
from data_tools.containers.kinds import (
    SHEET_SUFFIXES,
    SUFFIXES,
    FileKind,
    binary_container,
    text_kind,
)
from data_tools.containers.rejects import is_rejects
from data_tools.errors import DataError, UsageFault
from data_tools.language import say

AnyPath = str | os.PathLike[str]


def expand(paths: AnyPath | list[AnyPath], *, but: Sequence[AnyPath] = ()) -> list[Path]:
    """Files named by a path, a folder (its data files, sorted), a pattern, or a list of these.

    `but`: outputs, which do not count among a folder's or a pattern's files.
    """
    if isinstance(paths, list):
        return [found for path in paths for found in expand(path, but=but)]
    outputs = {Path(output).resolve() for output in but}
    path = Path(paths)
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file() and _is_data(p, path))
        found = [p for p in found if p.resolve() not in outputs]
        if not found:
            known = ", ".join((*SUFFIXES, *SHEET_SUFFIXES))
            raise UsageFault("The folder holds no data files", str(path), f"looked for {known}")
        return found
    if path.exists():
        return [_named(path)]
    if any(mark in path.name for mark in "*?["):
        named = path.parent.glob(path.name)
        found = sorted(p for p in named if p.is_file() and _is_wanted(p.name))
        found = [p for p in found if p.resolve() not in outputs]
        if found:
            return found
    raise UsageFault(say("There is no such file", "没有这个文件"), str(path), fix=_near(path))


def _named(path: Path) -> Path:
    if is_rejects(path.name):
        raise UsageFault(
            say("These are rows that an earlier command rejected", "这是先前命令拒绝的行"),
            str(path),
            say(
                "each stands under the key 'row', beside the reason",
                "每一行在 row 键下，旁边是原因",
            ),
            say(
                "correct them, and put the rows themselves into a file of another name",
                "请改正后，把行本身存进另一个文件",
            ),
        )
    return path


def _is_data(path: Path, top: Path) -> bool:
    if any(part.startswith(".") for part in path.relative_to(top).parts):
        return False
    name = path.name.lower().removesuffix(".gz")
    return _is_wanted(name) and name.endswith((*SUFFIXES, *SHEET_SUFFIXES))


def _is_wanted(name: str) -> bool:
    """Neither hidden nor what an earlier run set aside?"""
    return not name.startswith(".") and not is_rejects(name)


def _near(path: Path) -> str:
    from data_tools.nearest import did_you_mean

    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist either"
    return did_you_mean(path.name, sorted(p.name for p in path.parent.iterdir()))


def open_bytes(kind: FileKind) -> BinaryIO:
    """The file's bytes, decompressed."""
    if kind.gzipped:
        return cast(BinaryIO, gzip.open(kind.path, "rb"))
    return kind.path.open("rb", buffering=1 << 20)


def open_utf8(kind: FileKind) -> BinaryIO:
    """The file's text as UTF-8 bytes without a byte order mark."""
    stream = open_bytes(kind)
    if kind.encoding == "utf-8":
        return stream
    if kind.encoding == "utf-8-sig":
        stream.read(3)
        return stream
    recoder = Recoder(stream, kind.encoding, str(kind.path))
    return cast(BinaryIO, io.BufferedReader(recoder, buffer_size=1 << 20))


def look_into(
    path: Path, encoding: str | None = None, *, table: bool = False, text: bool = False
) -> FileKind:
    """Find out what the file is.

    `table`: the caller has named columns, so text is a table. `text`: text is wanted as it is.

    Raises:
        DataError: it is damaged, empty, no regular file, or no data.
    """
    head = _head(path)
    gzipped = head[:2] == b"\x1f\x8b"
    if gzipped:
        head = _gzip_head(path)
    if not head:
        raise DataError("The file is empty", str(path), "it has no bytes")
    container = binary_container(path, head, gzipped)
    if container:
        return FileKind(path, container, gzipped)
    if encoding is None:
        found = find_encoding(path, head, gzipped)
    else:
        found = encoding_named(encoding, str(path))
        if found == "utf-8" and head.startswith(b"\xef\xbb\xbf"):
            found = "utf-8-sig"
    start = head.decode(found, "replace").lstrip("\ufeff")
    return text_kind(FileKind(path, "text", gzipped, found), start, table=table, text=text)


def _head(path: Path) -> bytes:
    """The first bytes of a regular file; a pipe would wait for ever, a device never ends."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageFault(
                say("This is not a regular file", "这不是普通文件"),
                str(path),
                say(
                    "it is a folder, a pipe or a device, which cannot be read twice",
                    "它是文件夹、管道或设备，不能读两遍",
                ),
                say("name a file, or - for standard input", "请写文件名，或用 - 表示标准输入"),
            )
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise UsageFault("The file cannot be read", str(path), str(error.strerror)) from error


def _gzip_head(path: Path) -> bytes:
    try:
        with gzip.open(path, "rb") as file:
            return file.read(HEAD)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError("The gzip file is damaged", str(path), str(error)) from error
