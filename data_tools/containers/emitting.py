"""Rows as objects of the format to write, and what that format cannot hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, cast

import orjson

from data_tools.account import Account
from data_tools.errors import DataError, Reject
from data_tools.formats import by_name, messages, recognise, unknown
from data_tools.formats.common import Format, Lossy, Raw
from data_tools.formats.lanes import Ready
from data_tools.rows import NOWHERE, Row

FEATURES = ("tools", "images", "loss", "turns", "system")


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


class Emitter:
    """Turns rows into objects of one format; knows what may be dropped."""

    def __init__(self, format: str, drop: Iterable[str], account: Account) -> None:
        self.format: Format | None = None if format == "same" else by_name(format)
        self.account = account
        given = set(drop)
        allowed = set(FEATURES) if "all" in given else given
        wrong = given - {*FEATURES, "all"}
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
        return Row(messages.parse(value), source=NOWHERE)
    fmt = recognise(value)
    if fmt is None:
        raise unknown(value)
    return Row(fmt.parse(value), source=NOWHERE)


_ROW_KEYS = {"messages", "tools", "images", "id", "input", "extra", "raw"}


_READY = Row(messages=[], source=NOWHERE)


def objects(rows: Iterable[Any], emitter: Emitter, account: Account) -> Iterator[tuple[Row, Raw]]:
    """Each row with the object to write; rows that cannot be written are rejected.

    Raises:
        DataError: the format cannot hold something of a row, and it may not be dropped.
    """
    for value in rows:
        if type(value) is Ready:
            yield _READY, value.raw
            continue
        try:
            row = as_row(value)
            raw = emitter.emit(row)
        except Lossy as lossy:
            raise refused(lossy, row) from lossy
        except Reject as verdict:
            reject_row(account, verdict, value)
            continue
        yield row, raw


def texts(rows: Iterable[Any], emitter: Emitter, account: Account) -> Iterator[tuple[Row, bytes]]:
    """Each row with the JSON text of what will be written for it."""
    for row, raw in objects(rows, emitter, account):
        try:
            yield row, dumps(raw)
        except Reject as verdict:
            reject_row(account, verdict, row)


def reject_row(account: Account, verdict: Reject, value: Any, *, asked: bool = False) -> None:
    """Set aside a row that was read well."""
    if isinstance(value, Row):
        place = value.source.place(value.at)
        account.reject(verdict, file=value.source.file, place=place, row=value, asked=asked)
    else:
        account.reject(verdict, row=value, asked=asked)
