"""What is in a file: compression, container and encoding, found by looking into it."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from data_tools.containers.encodings import HEAD, Recoder, find_encoding
from data_tools.containers.jsonscan import wraps_rows
from data_tools.errors import DataError

SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".parquet")
SHEET_SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
LOOKS = (
    (b"PK\x05\x06", "an empty zip archive"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstandard archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"version https://git-lfs", "a Git LFS pointer: the file itself was not downloaded"),
)

_ZIP_TROUBLE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError),
    *(NotImplementedError, OverflowError, RuntimeError),
)
"""What zipfile raises for one or the other kind of damage."""


@dataclass(frozen=True)
class FileKind:
    """What `look_into` found. `encoding` is empty for binary containers."""

    path: Path
    container: str  # json | jsonl | csv | tsv | text | sheet | parquet
    gzipped: bool = False
    encoding: str = ""
    delimiter: str = ","


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
            raise DataError("The folder holds no data files", str(path), f"looked for {known}")
        return found
    if path.exists():
        return [path]
    if any(mark in path.name for mark in "*?["):
        named = path.parent.glob(path.name)
        found = sorted(p for p in named if p.is_file() and _is_wanted(p.name))
        found = [p for p in found if p.resolve() not in outputs]
        if found:
            return found
    raise DataError("There is no such file", str(path), fix=_near(path))


def _is_data(path: Path, top: Path) -> bool:
    if any(part.startswith(".") for part in path.relative_to(top).parts):
        return False
    name = path.name.lower().removesuffix(".gz")
    return _is_wanted(name) and name.endswith((*SUFFIXES, *SHEET_SUFFIXES))


def _is_wanted(name: str) -> bool:
    """Neither hidden nor what an earlier run set aside?"""
    return not name.startswith(".") and name not in ("rejected.jsonl", "rejected.failed.jsonl")


def _near(path: Path) -> str:
    from data_tools.errors import did_you_mean

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


def look_into(path: Path, encoding: str | None = None, table: bool = False) -> FileKind:
    """Find out what the file is. `table`: the caller has named columns, so text is a table."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise DataError("The file cannot be read", str(path), str(error.strerror)) from error
    gzipped = head[:2] == b"\x1f\x8b"
    if gzipped:
        head = _gzip_head(path)
    if not head:
        raise DataError("The file is empty", str(path), "it has no bytes")
    container = _binary_container(path, head, gzipped)
    if container:
        return FileKind(path, container, gzipped)
    found = encoding or find_encoding(path, head, gzipped)
    try:
        codecs.lookup(found)
    except LookupError as error:
        raise DataError(f"There is no encoding {found!r}", str(path)) from error
    text = head.decode(found, "replace").lstrip("\ufeff")
    return _text_kind(path, text, gzipped, found, table)


def _gzip_head(path: Path) -> bytes:
    try:
        with gzip.open(path, "rb") as file:
            return file.read(HEAD)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError("The gzip file is damaged", str(path), str(error)) from error


def _binary_container(path: Path, head: bytes, gzipped: bool) -> str:
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return "sheet"
    if head[:4] == b"PK\x03\x04":
        return _zip_container(path, gzipped)
    looks = next((name for magic, name in LOOKS if head.startswith(magic)), "")
    if looks:
        raise DataError(f"This is not a data file: it looks like {looks}", str(path))
    return ""


def _zip_container(path: Path, gzipped: bool) -> str:
    names: list[str] = []
    try:
        with gzip.open(path, "rb") if gzipped else path.open("rb") as file:
            names = zipfile.ZipFile(cast(BinaryIO, file)).namelist()
    except _ZIP_TROUBLE as error:
        raise DataError(
            "The workbook is damaged",
            str(path),
            f"it begins as a zip file, but: {error}",
            "download or save it again",
        ) from error
    if any(name.startswith("xl/") for name in names) or "content.xml" in names:
        return "sheet"
    holds = ", ".join(names[:5])
    raise DataError(
        "This zip archive is not a workbook", str(path), f"it holds {holds}", "unpack it first"
    )


def _text_kind(path: Path, text: str, gzipped: bool, encoding: str, table: bool) -> FileKind:
    suffix = path.name.lower().removesuffix(".gz")
    start = text.lstrip()
    if not start:
        raise DataError("The file is empty", str(path), "it holds white space only")
    is_sheet = suffix.endswith(SHEET_SUFFIXES)
    if suffix.endswith((".csv", ".tsv")) or (table and start[0] not in "[{" and not is_sheet):
        return _table_kind(path, text, gzipped, encoding)
    if start[0] == "[":
        return FileKind(path, "json", gzipped, encoding)
    if start[0] == "{":
        container = "json" if _is_pretty(start) else "jsonl"
        return FileKind(path, container, gzipped, encoding)
    if suffix.endswith((".json", ".jsonl", ".ndjson")):
        if "\n{" in text:
            return FileKind(path, "jsonl", gzipped, encoding)
        raise DataError(
            "This is not JSON", str(path), f"it begins with {start[:20]!r}, not with [ or {{"
        )
    if is_sheet:
        raise DataError(
            "This is not a workbook",
            str(path),
            f"it is plain text ({encoding}) beginning with {start[:30]!r}",
            "if it is a CSV file, give it the suffix .csv",
        )
    known = not suffix.endswith(".txt") and _has_known_header(text)
    return (
        _table_kind(path, text, gzipped, encoding)
        if known
        else FileKind(path, "text", gzipped, encoding)
    )


def _is_pretty(start: str) -> bool:
    """Is this one JSON object that holds lists or stands on several lines (not one a line)?"""
    first, _, second = start.partition("\n")
    if second.lstrip().startswith("{"):
        return False
    return wraps_rows(start) or (bool(second.strip()) and not first.rstrip().endswith("}"))


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max("\t,;", key=first.count) if any(mark in first for mark in "\t,;") else ","


def _table_kind(path: Path, text: str, gzipped: bool, encoding: str) -> FileKind:
    delimiter = _delimiter(text)
    container = "tsv" if delimiter == "\t" else "csv"
    return FileKind(path, container, gzipped, encoding, delimiter)


def _has_known_header(text: str) -> bool:
    from data_tools.formats import known_columns

    header = text.split("\n", 1)[0].strip().split(_delimiter(text))
    return len(header) > 1 and known_columns(h.strip('" ') for h in header)
