"""`write`: rows to a file, in any format and container, atomically."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from data_tools.account import Account
from data_tools.errors import DataError, Reject
from data_tools.formats import by_name, recognise, unknown
from data_tools.formats.common import Format, Lossy, Raw
from data_tools.rows import NOWHERE, Row

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
FEATURES = ("tools", "images", "loss", "turns", "system")
_INDENT = re.compile(rb"(?m)^ +")


def container_for(path: str | os.PathLike[str]) -> str:
    """The container that a file name asks for."""
    name = os.fspath(path).removesuffix(".gz")
    found = CONTAINERS.get(Path(name).suffix.lower())
    if found is None:
        known = ", ".join(sorted({suffix.lower() for suffix in CONTAINERS}))
        raise DataError(
            "The file name does not say what to write",
            os.fspath(path),
            f"known endings: {known} (each also with .gz)",
            "give it one of them, or name the container",
        )
    return found


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that takes its place only when the block ends well; `.gz` is compressed."""
    with atomic_together([path]) as files:
        yield files[0]


@contextlib.contextmanager
def atomic_together(paths: list[str | os.PathLike[str]]) -> Iterator[list[BinaryIO]]:
    """Several such files: all are complete on disk before the first takes its place."""
    parts = [_Part(Path(path)) for path in paths]
    try:
        yield [part.open() for part in parts]
        for part in parts:
            part.finish()
        for part in parts:
            part.place()
    except OSError as error:
        where = ", ".join(str(path) for path in paths)
        raise DataError("The file cannot be written", where, str(error.strerror)) from error
    finally:
        for part in parts:
            part.discard()


class _Part:
    """A file in the making."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self._temporary: Path | None = None
        self._raw: Any = None
        self._file: Any = None

    def open(self) -> BinaryIO:
        self.target.parent.mkdir(parents=True, exist_ok=True)
        folder, name = self.target.parent, self.target.name
        number, path = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=folder)
        self._temporary = Path(path)
        self._raw = self._file = os.fdopen(number, "wb", buffering=1 << 20)
        if name.endswith(".gz"):
            self._file = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0)
        return cast(BinaryIO, self._file)

    def finish(self) -> None:
        if self._file is not self._raw:
            self._file.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()

    def place(self) -> None:
        if self._temporary is None:
            return
        exists = self.target.exists()
        mode = self.target.stat().st_mode & 0o777 if exists else 0o666 & ~_umask()
        self._temporary.chmod(mode)
        self._temporary.replace(self.target)
        self._temporary = None

    def discard(self) -> None:
        """Nothing stays behind, whatever happened."""
        with contextlib.suppress(OSError, ValueError):
            if self._raw is not None and not self._raw.closed:
                self._raw.close()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def dumps(value: Any) -> bytes:
    """Compact JSON with readable Chinese. Numbers that JSON does not have are refused."""
    try:
        return orjson.dumps(value)
    except TypeError:
        try:
            return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
        except (UnicodeEncodeError, ValueError, TypeError) as error:
            raise Reject(f"cannot be written as JSON: {_brief(error)}") from error


def dumps_line(value: Any) -> bytes:
    """`dumps` and a newline."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return dumps(value) + b"\n"


def _brief(error: Exception) -> str:
    return "a lone surrogate" if isinstance(error, UnicodeEncodeError) else str(error)


def indented(value: Any, indent: int) -> bytes:
    """JSON over several lines, as `json.dump(…, indent=…)` writes it."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False).encode()
    if indent == 2:
        return text
    return _INDENT.sub(lambda match: b" " * (len(match.group()) // 2 * indent), text)


class Emitter:
    """Turns rows into objects of one format; knows what may be dropped."""

    def __init__(self, format: str, drop: Iterable[str], account: Account) -> None:
        self.format: Format | None = None if format == "same" else by_name(format)
        self.account = account
        allowed = set(FEATURES) if "all" in drop else set(drop)
        wrong = allowed - set(FEATURES)
        if wrong:
            names = ", ".join(FEATURES)
            raise DataError(f"Nothing called {', '.join(sorted(wrong))} can be dropped", why=names)
        self.allowed = allowed
        self.lost: set[str] = set()
        self.seen = ""  # with "same": the format of the rows so far

    def lose(self, feature: str) -> None:
        """A format's `emit` calls this for what it cannot hold."""
        if feature not in self.allowed:
            raise Lossy(feature, self.format.NAME if self.format else "")
        self.lost.add(feature)

    def emit(self, row: Row) -> Raw:
        """The object to write. Raises Reject or Lossy."""
        if self.format is None:
            return self._as_it_was(row)
        found = self.format.emit(row, self.lose)
        if self.lost:
            self._count_lost()
        if "extra" in row and row.source.format != self.format.NAME:
            for name in row["extra"]:
                self.account.drop(f"field {name!r}")
        return found

    def _as_it_was(self, row: Row) -> Raw:
        found = row.source.format or "conversation"
        if self.seen not in ("", found):
            raise DataError(
                "The rows are of more than one format",
                row.where,
                f"{found} here, {self.seen} before",
                "name one to write with --to, for example --to conversation",
            )
        self.seen = found
        raw = row.get("raw")
        return cast(Raw, raw) if raw is not None else by_name(found).emit(row, self.lose)

    def _count_lost(self) -> None:
        for feature in self.lost:
            self.account.drop(feature)
        self.lost.clear()


def refused(lossy: Lossy, row: Row) -> DataError:
    """What to say when a conversion would lose something."""
    return DataError(
        f"The conversion would lose something: {lossy}",
        row.where,
        "rows of this file hold it, and the target format has no place for it",
        f"choose another format, or drop it on purpose: --drop {lossy.feature}",
    )


def as_row(value: Any) -> Row:
    """A Row as it is; any object of a known format as a Row."""
    if isinstance(value, Row):
        return value
    if not isinstance(value, dict):
        raise Reject("the row is not an object")
    if "messages" in value and all(k in _ROW_KEYS for k in value):
        from data_tools.formats import messages

        return Row(messages.parse(value), source=NOWHERE)
    fmt = recognise(value)
    if fmt is None:
        raise unknown(value)
    return Row(fmt.parse(value), source=NOWHERE)


_ROW_KEYS = {"messages", "tools", "images", "id", "input", "extra", "raw"}


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
        drop: what may be left out when the format cannot hold it: tools, images, loss, turns,
            system, or all. Otherwise DataError.
        account: counts rows written and rejected; without it a row that cannot be written raises.
    """
    account = account or Account(strict=True)
    kind = container or container_for(path)
    writer_for(kind)
    with atomic(path) as file:
        return write_to(rows, file, kind, format=format, drop=drop, account=account, indent=indent)


def write_to(
    rows: Iterable[Any],
    file: BinaryIO,
    container: str,
    *,
    format: str,
    drop: Iterable[str],
    account: Account,
    indent: int | None = None,
) -> int:
    """Write rows to an open binary file; see `write`."""
    emitter = Emitter(format, drop, account)
    return writer_for(container)(_emitted(rows, emitter, account), file, emitter, account, indent)


def emitted(rows: Iterable[Any], emitter: Emitter, account: Account) -> Iterator[tuple[Row, bytes]]:
    """Each row with the JSON text of what will be written for it."""
    for row, raw in _emitted(rows, emitter, account):
        try:
            yield row, dumps(raw)
        except Reject as verdict:
            reject_row(account, verdict, row)


def write_texts(
    texts: Iterable[bytes],
    file: BinaryIO,
    container: str,
    emitter: Emitter,
    account: Account,
    indent: int | None = None,
) -> int:
    """Write JSON texts from `emitted`, which a spool has kept."""
    if container == "jsonl":
        before = account.written
        for text in texts:
            file.write(text + b"\n")
            account.written += 1
        return account.written - before
    objects = ((Row(), orjson.loads(text)) for text in texts)
    return writer_for(container)(objects, file, emitter, account, indent)


def _emitted(rows: Iterable[Any], emitter: Emitter, account: Account) -> Iterator[tuple[Row, Raw]]:
    for value in rows:
        try:
            row = as_row(value)
            raw = emitter.emit(row)
        except Lossy as lossy:
            raise refused(lossy, row) from lossy
        except Reject as verdict:
            reject_row(account, verdict, value)
            continue
        yield row, raw


def reject_row(account: Account, verdict: Reject, value: Any, *, asked: bool = False) -> None:
    """Set aside a row that was read well."""
    if isinstance(value, Row):
        place = value.source.place(value.at)
        account.reject(verdict, file=value.source.file, place=place, row=value, asked=asked)
    else:
        account.reject(verdict, row=value, asked=asked)


Objects = Iterator[tuple[Row, Raw]]
Writer = Callable[[Objects, BinaryIO, Emitter, Account, "int | None"], int]


def writer_for(container: str) -> Writer:
    """The function that writes one container."""
    if container in ("jsonl", "json", "txt"):
        return {"jsonl": _write_jsonl, "json": _write_json, "txt": _write_txt}[container]
    if container in ("csv", "tsv", "xlsx", "parquet"):
        from data_tools import table_writing

        return table_writing.writer_for(container)
    raise DataError(f"There is no container {container!r}", why="jsonl, json, csv, tsv, xlsx, …")


def _texts(objects: Objects, account: Account, encode: Callable[[Any], bytes]) -> Iterator[bytes]:
    for row, raw in objects:
        try:
            text = encode(raw)
        except Reject as verdict:
            reject_row(account, verdict, row)
            continue
        account.written += 1
        yield text


def _write_jsonl(
    objects: Objects, file: BinaryIO, emitter: Emitter, account: Account, indent: int | None
) -> int:
    before = account.written
    put = file.write
    for text in _texts(objects, account, dumps_line):
        put(text)
    return account.written - before


def _write_json(
    objects: Objects, file: BinaryIO, emitter: Emitter, account: Account, indent: int | None
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
    for text in _texts(objects, account, encode):
        file.write(joint + text)
        joint = b",\n"
    file.write(b"\n]\n" if joint != b"\n" else b"]\n")
    return account.written - before


def _write_txt(
    objects: Objects, file: BinaryIO, emitter: Emitter, account: Account, indent: int | None
) -> int:
    if emitter.format is None or emitter.format.NAME != "text":
        raise DataError("A .txt file holds plain text only", fix="use --to text")
    before = account.written
    for _, raw in objects:
        paragraph = re.sub(r"\n\s*\n", "\n", raw["text"]).strip("\n")
        if paragraph != raw["text"]:
            account.note("blank lines inside a text were taken out: they part the texts")
        file.write((b"\n" if account.written > before else b"") + paragraph.encode() + b"\n")
        account.written += 1
    return account.written - before
