"""Parquet, through pyarrow (an extra: it is large)."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from data_tools.containers.emitting import dumps
from data_tools.containers.kinds import FileKind
from data_tools.containers.tables import NESTED, needed, resolve
from data_tools.errors import DataError, Reject
from data_tools.formats.common import undump

BATCH = 1000
Batches = Callable[[], Iterator[list[dict[str, Any]]]]
Bad = Callable[[int, Reject, Any], None]
"""Called with the number of a row that cannot be carried, the verdict and the row as text."""


def _pyarrow(where: str) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(
            "Parquet needs the package pyarrow",
            where,
            "it is not installed",
            "pip install pyarrow",
        ) from error
    return pyarrow


def read_parquet(
    kind: FileKind, columns: Mapping[str, str] | None, bad: Bad
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(row number from 1, object) of each row, a batch at a time.

    `bad` is called for each row that holds what JSON has no word for: bytes, infinite numbers.
    """
    where = str(kind.path)
    pa = _pyarrow(where)
    try:
        source: Any = kind.path
        if kind.gzipped:
            with gzip.open(kind.path, "rb") as packed:
                source = io.BytesIO(packed.read())
        file = pa.parquet.ParquetFile(source)
        names = list(file.schema_arrow.names)
        places = resolve(columns, names, where, len(names)) if columns else None
        wanted = {key: names[i] for key, i in places.items()} if places else {n: n for n in names}
        number = 0
        for batch in file.iter_batches(batch_size=BATCH, columns=sorted({*wanted.values()})):
            for raw in _rows(pa, batch, where):
                number += 1
                try:
                    found = {key: plain(raw[name], name) for key, name in wanted.items()}
                except Reject as verdict:
                    bad(number, verdict, repr(raw))
                    continue
                yield number, _without_gaps(found)
    except DataError:
        raise
    except Exception as error:  # damage shows in many ways: Arrow's, OSError, UnicodeDecodeError, …
        why = str(error).split("\n")[0]
        raise DataError("The Parquet file is damaged", where, why) from error


def _rows(pa: Any, batch: Any, where: str) -> list[dict[str, Any]]:
    """The rows of a batch; dates and exact numbers as the texts that stand for them."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        kind = column.type
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind) or pa.types.is_decimal(kind):
            column = column.cast(pa.string())
        try:
            columns[name] = column.to_pylist()
        except (ValueError, OverflowError, pa.ArrowException) as error:
            raise DataError(
                f"The column {name!r} cannot be read",
                where,
                f"it is of type {kind}: {str(error).splitlines()[0]}",
                "name the columns to read, for example --columns input=question,output=answer",
            ) from error
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def plain(value: Any, name: str) -> Any:
    """The value as JSON has it: dates and exact numbers as text, NaN (which pandas writes where
    nothing stands) as null.

    Raises:
        Reject: it holds bytes that are no text, or an infinite number.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise Reject(f"{name} holds an infinite number, which JSON does not have")
        return None if value != value else value
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")  # some programs write texts without saying so
        except UnicodeDecodeError:
            raise Reject(f"{name} holds bytes, which JSON does not have") from None
    if isinstance(value, dict):
        return {str(key): plain(part, name) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, name) for part in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _without_gaps(raw: dict[str, Any]) -> dict[str, Any]:
    """Without the nulls that a table's columns bring; JSON text in nested columns decoded."""
    keep = needed(raw)
    found: dict[str, Any] = {}
    for key, value in raw.items():
        if value is None and key not in keep:
            continue
        if key in NESTED and isinstance(value, str) and value[:1] in ("[", "{"):
            value = undump(value)
        found[key] = _without_nulls(value) if isinstance(value, list) else value
    return found


def _without_nulls(items: list[Any]) -> list[Any]:
    return [
        {k: v for k, v in item.items() if v is not None} if isinstance(item, dict) else item
        for item in items
    ]


def write_parquet(
    file: BinaryIO, records: Callable[[], Iterator[dict[str, Any]]], columns: list[str]
) -> int:
    """Write the records (called twice: for the schema, then for the rows); returns their number.

    A column whose values are all of one simple kind keeps its type; others hold JSON text.
    """
    pa = _pyarrow("the file to write")
    kinds: dict[str, set[str]] = {name: set() for name in columns}
    for raw in records():
        for name in columns:
            kinds[name].add(_kind(raw.get(name)))
    as_text = {name for name, held in kinds.items() if len(held - {""}) > 1 or "other" in held}
    try:
        return _write(pa, file, list(columns), lambda: _batches(records, columns, as_text))
    except pa.ArrowException as error:
        why = str(error).splitlines()[0]
        raise DataError("Parquet cannot hold these rows", why=why, fix="write .jsonl") from error


def _write(pa: Any, file: BinaryIO, columns: list[str], batches: Batches) -> int:
    schema = None
    for batch in batches():
        found = pa.Table.from_pylist(batch).schema
        both = [schema, found]
        schema = found if schema is None else pa.unify_schemas(both, promote_options="permissive")
    if schema is None:
        schema = pa.schema([(name, pa.string()) for name in columns])
    count = 0
    with pa.parquet.ParquetWriter(file, schema) as writer:
        for batch in batches():
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def _kind(value: Any) -> str:
    """'' for nothing, the name of a simple kind, or 'other' for what Arrow would not keep."""
    if value is None:
        return ""
    if isinstance(value, bool | str | float):
        return type(value).__name__
    if isinstance(value, int):
        return "int" if -(2**63) <= value < 2**63 else "other"
    if not isinstance(value, list):
        return "other"
    kinds = {_item_kind(item) for item in value}
    if not kinds:
        return ""
    return f"list of {kinds.pop()}" if len(kinds) == 1 and "other" not in kinds else "other"


def _item_kind(item: Any) -> str:
    if isinstance(item, str):
        return "str"
    if isinstance(item, list) and all(isinstance(part, str) for part in item):
        return "lists"
    if isinstance(item, dict) and item and all(isinstance(v, str | bool) for v in item.values()):
        return "objects"
    return "other"


def _batches(
    records: Callable[[], Iterator[dict[str, Any]]], columns: list[str], as_text: set[str]
) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for raw in records():
        batch.append({name: _value(raw.get(name), name in as_text) for name in columns})
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _value(value: Any, as_text: bool) -> Any:
    if as_text and value is not None and not isinstance(value, str):
        return dumps(value).decode("utf-8")
    return value
