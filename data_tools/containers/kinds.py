"""What is in a file: its container, by its first bytes; the name only decides where they cannot."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from data_tools.containers.jsonscan import wraps_rows
from data_tools.errors import DataError, UsageFault
from data_tools.language import say

SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".parquet")
TEXT_SUFFIXES = (".txt", ".md")
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

ZIP_TROUBLE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError),
    *(NotImplementedError, OverflowError, RuntimeError),
)
"""What zipfile raises for one or the other kind of damage; NotImplementedError is its word for a
compression that it cannot read."""


@dataclass(frozen=True)
class FileKind:
    """What `look_into` found. `encoding` is empty for binary containers."""

    path: Path
    container: str  # json | jsonl | csv | tsv | text | sheet | parquet
    gzipped: bool = False
    encoding: str = ""
    delimiter: str = ","


def binary_container(path: Path, head: bytes, gzipped: bool) -> str:
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
    except ZIP_TROUBLE as error:
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


def text_kind(kind: FileKind, head: str, *, table: bool, text: bool) -> FileKind:
    """What a text file holds, by its beginning, its name and what the caller wants of it."""
    path = kind.path
    suffix = path.name.lower().removesuffix(".gz")
    start = head.lstrip()
    if not start:
        raise DataError("The file is empty", str(path), "it holds white space only")
    is_sheet = suffix.endswith(SHEET_SUFFIXES)
    is_json = start[0] in "[{"
    if suffix.endswith((".csv", ".tsv")) or (table and not is_json and not is_sheet):
        return _table_kind(kind, head)
    if is_json:
        whole = start[0] == "[" or _is_pretty(start)
        return replace(kind, container="json" if whole else "jsonl")
    if suffix.endswith((".json", ".jsonl", ".ndjson")):
        if "\n{" in head:
            return replace(kind, container="jsonl")
        raise DataError(
            "This is not JSON", str(path), f"it begins with {start[:20]!r}, not with [ or {{"
        )
    if is_sheet:
        raise DataError(
            "This is not a workbook",
            str(path),
            f"it is plain text ({kind.encoding}) beginning with {start[:30]!r}",
            "if it is a CSV file, give it the suffix .csv",
        )
    if text or suffix.endswith(TEXT_SUFFIXES):
        return replace(kind, container="text")
    if _has_known_header(head):
        return _table_kind(kind, head)
    raise UsageFault(
        say("Nothing says that this file holds training data", "没有说明这个文件是训练数据"),
        str(path),
        say(
            f"it is plain text that begins with {start[:30]!r}",
            f"它是普通文本，开头是 {start[:30]!r}",
        ),
        say(
            "if each paragraph is a training text: --format text, or an ending .txt or .md; "
            "if it is a table: --columns input=A,output=B",
            "如果每段是一条训练文本：--format text，或文件名以 .txt、.md 结尾；"
            "如果是表格：--columns input=A,output=B",
        ),
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


def _table_kind(kind: FileKind, head: str) -> FileKind:
    delimiter = _delimiter(head)
    return replace(kind, container="tsv" if delimiter == "\t" else "csv", delimiter=delimiter)


def _has_known_header(text: str) -> bool:
    from data_tools.formats import known_columns

    header = text.split("\n", 1)[0].strip().split(_delimiter(text))
    return len(header) > 1 and known_columns(h.strip('" ') for h in header)
