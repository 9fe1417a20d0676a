"""Objects as JSON texts, and rows that cannot be written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import orjson

from data_tools.account import Account
from data_tools.errors import Reject
from data_tools.formats.common import Raw
from data_tools.formats.emitting import Emitter, as_row
from data_tools.formats.shortcuts import Emitted
from data_tools.rows import NOWHERE, Row, readable

Objects = Iterator[tuple[Row, Raw]]
"""Each row with the object to write for it."""
Writer = Callable[[Objects, BinaryIO, Emitter, Account, "int | None"], int]
"""Writes objects to a file of one container, counts them, and returns how many there were."""


def dumps(value: Any) -> bytes:
    """Compact JSON with readable Chinese. Numbers that JSON does not have are refused."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return _dumps_rare(value)


def dumps_line(value: Any) -> bytes:
    """`dumps` and a newline."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return _dumps_rare(value) + b"\n"


def _dumps_rare(value: Any) -> bytes:
    """What orjson does not write: numbers beyond 64 bits, keys that are no texts."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (UnicodeEncodeError, ValueError, TypeError, RecursionError) as error:
        lone = isinstance(error, UnicodeEncodeError)
        why = "a lone surrogate" if lone else str(error)
        raise Reject(f"cannot be written as JSON: {why}") from error


_NO_ROW = Row(messages=[], source=NOWHERE)


def objects(rows: Iterable[Any], emitter: Emitter, account: Account) -> Iterator[tuple[Row, Raw]]:
    """Each row with the object to write; rows that cannot be written are rejected."""
    for value in rows:
        if type(value) is Emitted:
            yield _NO_ROW, value.raw
            continue
        try:
            row = as_row(value)
            raw = emitter.emit(row)
        except Reject as verdict:
            reject_row(account, verdict, value)
            continue
        yield row, raw


def reject_row(account: Account, verdict: Reject, value: Any, *, asked: bool = False) -> None:
    """Set aside a row that was read well."""
    if isinstance(value, Row):
        place = value.source.place(value.at)
        row = readable(value)
        account.reject(verdict, file=value.source.file, place=place, row=row, asked=asked)
    else:
        account.reject(verdict, row=value, asked=asked)
