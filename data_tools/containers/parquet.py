"""Parquet, through pyarrow (an extra: it is large)."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import orjson

from data_tools.containers.kinds import FileKind
from data_tools.containers.tables import NESTED, needed, resolve
from data_tools.errors import DataError
from data_tools.formats.common import undump

BATCH = 1000


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
    kind: FileKind, columns: Mapping[str, str] | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(row number from 1, object) of each row, a batch at a time."""
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
        number = 0
        for batch in file.iter_batches(batch_size=BATCH):
            for raw in batch.to_pylist():
                number += 1
                found = {k: raw[names[i]] for k, i in places.items()} if places else raw
                yield number, _plain(found, keep=needed(found))
    except DataError:
        raise
    except Exception as error:  # damage shows in many ways: Arrow's, OSError, UnicodeDecodeError, …
        why = str(error).split("\n")[0]
        raise DataError("The Parquet file is damaged", where, why) from error


def _plain(raw: dict[str, Any], keep: set[str]) -> dict[str, Any]:
    """Without the nulls that a table's columns bring; JSON text in nested columns decoded."""
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
    """Write the records (called twice: for the schema, then for the rows); returns their number."""
    pa = _pyarrow("the file to write")
    as_text = {name for name in columns if any(not _simple(raw.get(name)) for raw in records())}
    schema = None
    for batch in _batches(records, columns, as_text):
        found = pa.Table.from_pylist(batch).schema
        both = [schema, found]
        schema = found if schema is None else pa.unify_schemas(both, promote_options="permissive")
    if schema is None:
        schema = pa.schema([(name, pa.string()) for name in columns])
    count = 0
    with pa.parquet.ParquetWriter(file, schema) as writer:
        for batch in _batches(records, columns, as_text):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def _simple(value: Any) -> bool:
    """Text, a list of texts, a list of lists of texts, or a list of flat objects of texts?"""
    if value is None or isinstance(value, str):
        return True
    if not isinstance(value, list):
        return False
    return all(
        isinstance(item, str)
        or (isinstance(item, list) and all(isinstance(part, str) for part in item))
        or (isinstance(item, dict) and all(isinstance(v, str | bool) for v in item.values()))
        for item in value
    ) and len({type(item) for item in value}) < 2  # fmt: skip


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
        return orjson.dumps(value).decode("utf-8")
    return value
