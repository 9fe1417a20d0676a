"""`write`: rows to a file, in any format and container, atomically."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from data_tools.account import Account
from data_tools.containers.atomic import atomic
from data_tools.containers.emitting import (
    Objects,
    Writer,
    dumps,
    dumps_line,
    objects,
    reject_row,
)
from data_tools.errors import Reject, UsageFault
from data_tools.formats.emitting import Emitter
from data_tools.rows import Row

CONTAINERS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
    ".txt": "txt",
}
_INDENT = re.compile(rb"(?m)^ +")


def container_for(path: str | os.PathLike[str]) -> str:
    """The container that a file name asks for."""
    name = os.fspath(path).removesuffix(".gz")
    found = CONTAINERS.get(Path(name).suffix.lower())
    if found is None:
        known = ", ".join(sorted({suffix.lower() for suffix in CONTAINERS}))
        raise UsageFault(
            "The file name does not say what to write",
            os.fspath(path),
            f"known endings: {known} (each also with .gz)",
            "give it one of them, or name the container",
        )
    return found


def indented(value: Any, indent: int) -> bytes:
    """JSON over several lines, as `json.dump(…, indent=…)` writes it."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False).encode()
    if indent == 2:
        return text
    return _INDENT.sub(lambda match: b" " * (len(match.group()) // 2 * indent), text)


def write(
    rows: Iterable[Any],
    path: str | os.PathLike[str],
    *,
    format: str = "conversation",
    container: str | None = None,
    indent: int | None = None,
    drop: Iterable[str] = (),
    account: Account | None = None,
) -> int:
    """Write rows (or objects of any known format) to a file and return how many there were.

    The file appears whole or not at all; an earlier one stays until then. UTF-8 without BOM.

    Args:
        format: a format's name, or "same": each row's original object (`read(…, keep_raw=True)`).
        container: jsonl, json, csv, tsv, xlsx, parquet or txt; by the file's suffix when not given.
        indent: for json: spaces of indentation; by default one row a line.
        drop: what may be left out: tools, images, loss, turns, … or a field's own name; "all":
            everything but what the format names. Otherwise Lossy.
        account: counts rows written and rejected; without it a row that cannot be written raises.
    """
    account = account or Account(strict=True)
    kind = container or container_for(path)
    fill = writer_for(kind)
    emitter = Emitter(format, drop, account)
    with atomic(path) as file:
        count = fill(objects(rows, emitter, account), file, emitter, account, indent)
        emitter.check()
    return count


def write_texts(
    texts: Iterable[bytes],
    file: BinaryIO,
    container: str,
    emitter: Emitter,
    account: Account,
    indent: int | None = None,
) -> int:
    """Write JSON texts that a spool has kept."""
    if container == "jsonl":
        before = account.written
        for text in texts:
            file.write(text + b"\n")
            account.written += 1
        return account.written - before
    found = ((Row(), orjson.loads(text)) for text in texts)
    return writer_for(container)(found, file, emitter, account, indent)


def writer_for(container: str) -> Writer:
    """The function that writes one container."""
    if container in ("jsonl", "json", "txt"):
        return {"jsonl": _write_jsonl, "json": _write_json, "txt": _write_txt}[container]
    if container in ("csv", "tsv", "xlsx", "parquet"):
        from data_tools.containers import table_writing

        return table_writing.writer_for(container)
    raise UsageFault(f"There is no container {container!r}", why="jsonl, json, csv, tsv, xlsx, …")


def _texts(found: Objects, account: Account, encode: Callable[[Any], bytes]) -> Iterator[bytes]:
    for row, raw in found:
        try:
            text = encode(raw)
        except Reject as verdict:
            reject_row(account, verdict, row)
            continue
        account.written += 1
        yield text


def _write_jsonl(
    found: Objects, file: BinaryIO, emitter: Emitter, account: Account, indent: int | None
) -> int:
    before = account.written
    put = file.write
    for text in _texts(found, account, dumps_line):
        put(text)
    return account.written - before


def _write_json(
    found: Objects, file: BinaryIO, emitter: Emitter, account: Account, indent: int | None
) -> int:
    before = account.written
    pad = b" " * (indent or 0)

    def encode(raw: Any) -> bytes:
        if indent is None:
            return dumps(raw)
        dumps(raw)
        return pad + indented(raw, indent).replace(b"\n", b"\n" + pad)

    file.write(b"[")
    joint = b"\n"
    for text in _texts(found, account, encode):
        file.write(joint + text)
        joint = b",\n"
    file.write(b"\n]\n" if joint != b"\n" else b"]\n")
    return account.written - before


def _write_txt(
    found: Objects, file: BinaryIO, emitter: Emitter, account: Account, indent: int | None
) -> int:
    if emitter.format is None or emitter.format.NAME != "text":
        raise UsageFault("A .txt file holds plain text only", fix="use --to text")
    before = account.written
    for _, raw in found:
        paragraph = re.sub(r"\n\s*\n", "\n", raw["text"]).strip("\n")
        if paragraph != raw["text"]:
            account.note("blank lines inside a text were taken out: they part the texts")
        file.write((b"\n" if account.written > before else b"") + paragraph.encode() + b"\n")
        account.written += 1
    return account.written - before
