"""Rows as objects of the format to write, and what that format cannot hold.

One rule for every format and every way to it: a field is carried, or the conversion is refused, or
the caller named the field in `drop` and the account counts it under that name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from data_tools.account import Account
from data_tools.errors import DataError, Reject
from data_tools.formats import by_name, media, recognise, unknown
from data_tools.formats.common import NAMED, Format, Raw
from data_tools.rows import MARKS, Message, Row, is_plain

_KEYS = (("tools", "tools"), ("rejected", "preference"), ("kto_tag", "kto_tag"))
_MARKS = ("loss", "weight")


class Lossy(DataError):
    """The target cannot hold something of the rows; `fields` names it all."""

    def __init__(self, target: str, refused: Mapping[str, tuple[str, int]]) -> None:
        self.fields = tuple(refused)
        lines = [f"{name}: {rows:,} rows, first {where}" for name, (where, rows) in refused.items()]
        super().__init__(
            f"The conversion would lose something: {target} cannot hold {', '.join(refused)}",
            next(iter(refused.values()))[0],
            "\n".join(lines),
            "choose another format, or leave it out on purpose: "
            + " ".join(f"--drop {name}" for name in refused),
        )


class Emitter:
    """Turns rows into objects of one format; knows what may be dropped.

    `columns`: the keys that every written object must have, in this order, and the value where a
    row has none; fields beside them have no place.
    `turn_fields`: what the reader of the rows knows of a turn beside its role and text; None: what
    the format has a place for.
    """

    def __init__(
        self,
        format: str,
        drop: Iterable[str],
        account: Account,
        columns: Mapping[str, Any] | None = None,
        turn_fields: Collection[str] | None = None,
    ) -> None:
        self.format: Format | None = None if format == "same" else by_name(format)
        self.account = account
        self.columns = columns
        self._turn_fields = turn_fields
        self._drop = frozenset(drop)
        self._all = "all" in self._drop
        self._lost: set[str] = set()
        self._refused: dict[str, tuple[str, int]] = {}
        self._same = ""  # with "same": the format of the rows so far

    def emit(self, row: Row) -> Raw:
        """The object to write. Raises Reject."""
        fmt = self.format or self._own(row)
        if self.format is None and "raw" in row and not self._drop and self.columns is None:
            return cast(Raw, row["raw"])
        if is_plain(row):
            raw = fmt.emit(row, self._lose)
        else:
            row = self._fit(row, fmt)
            raw = fmt.emit(row, self._lose)
            self._add_fields(raw, row, fmt)
        if self.columns is not None:
            raw = self._shaped(raw, self.columns)
        if self._lost:
            self._count(row)
        return raw

    def check(self) -> None:
        """Raise Lossy when something that may not be dropped had no place in any row so far."""
        if self._refused:
            target = self.format.NAME if self.format else self._same
            if self.columns is not None:
                target += f" with the keys {', '.join(self.columns)}"
            raise Lossy(target, self._refused)

    def _own(self, row: Row) -> Format:
        name = row.source.format or "conversation"
        if self._same not in ("", name):
            raise DataError(
                "The rows are of more than one format",
                row.where,
                f"{name} here, {self._same} before",
                "name one to write with --to, for example --to conversation",
            )
        self._same = name
        return by_name(name)

    def _dropped(self, name: str) -> bool:
        return self._all or name in self._drop

    def _lose(self, name: str) -> None:
        self._lost.add(name)

    def _count(self, row: Row) -> None:
        for name in sorted(self._lost):
            if self._dropped(name):
                self.account.drop(name)
            else:
                where, rows = self._refused.get(name, (row.where, 0))
                self._refused[name] = (where, rows + 1)
        self._lost.clear()

    def _fit(self, row: Row, fmt: Format) -> Row:
        """A copy of the row with only what the format has a place for."""
        same = row.source.format == fmt.NAME and bool(fmt.TURN_ROLES)
        holds = fmt.HOLDS.union(_MARKS, NAMED) if same else fmt.HOLDS
        if self._turn_fields is not None:
            holds -= {*_MARKS, *NAMED} - set(self._turn_fields)
        tags = fmt.TAGS
        if self.columns is not None:
            holds -= {feature for key, feature in _KEYS if key not in self.columns}
            tags = {kind: tag for kind, tag in tags.items() if kind in self.columns}
        keys = {key: value for key, value in row.items() if key != "raw"}
        for key, feature in _KEYS:
            if feature not in holds and keys.pop(key, None) not in (None, "", [], {}):
                self._lose(feature)
        messages = row["messages"]
        if any(kind in keys for kind in MARKS):
            messages = media.tagged(row, tags)
            for kind in MARKS.keys() - tags.keys():
                if keys.pop(kind, None):
                    self._lose(kind)
        if "calls" not in holds and any(m["role"] in ("call", "observation") for m in messages):
            self._lose("tools")
            keys.pop("tools", None)
        keys["messages"] = [self._message(m, fmt, holds) for m in messages]
        if "rejected" in keys:
            keys["rejected"] = [self._message(m, fmt, holds) for m in keys["rejected"]]
        return Row(keys, source=row.source, at=row.at)

    def _message(self, message: Message, fmt: Format, holds: frozenset[str]) -> Message:
        if len(message) == 2:
            return message
        kept = dict(message)
        role = message["role"]
        learnt = role in ("assistant", "call")
        for name in (*_MARKS, *NAMED):
            if name not in kept or (name == "name" and role == "call"):
                continue
            placed = name not in _MARKS or learnt or role in fmt.TURN_ROLES
            if name in holds and placed:
                continue
            if kept.pop(name) is not False or learnt:  # only what the assistant says is learnt
                self._lose(name)
        extra = kept.pop("extra", {})
        rest = {name: value for name, value in extra.items() if self._has_place(name, role, fmt)}
        return {**kept, "extra": rest} if rest else kept

    def _has_place(self, name: str, role: str, fmt: Format) -> bool:
        placed = role in fmt.TURN_ROLES and name not in fmt.TURN_KEYS
        known = self._turn_fields is None or name in self._turn_fields
        if placed and known and not self._dropped(name):
            return True
        self._lose(name)
        return False

    def _add_fields(self, raw: Raw, row: Row, fmt: Format) -> None:
        """Fields that no format names stand beside the format's own, unless they would be taken
        for one of these."""
        if "id" in row and "id" not in raw and "id" not in self._drop:
            raw["id"] = row["id"]
        elif "id" in row and "id" in self._drop and raw.pop("id", None) is not None:
            self._lose("id")
        kind = recognise(raw) if "extra" in row else None
        same = row.source.format == fmt.NAME
        for name, value in row.get("extra", {}).items():
            taken = name in raw or self._dropped(name) or (name in fmt.COLUMNS and not same)
            if taken or recognise({**raw, name: value}) is not kind:
                self._lose(name)
            else:
                raw[name] = value

    def _shaped(self, raw: Raw, columns: Mapping[str, Any]) -> Raw:
        for name in raw.keys() - columns.keys():
            if raw[name] not in (None, "", []):
                self._lose(name)
        given = ((name, raw.get(name), empty) for name, empty in columns.items())
        return {name: empty if value is None else value for name, value, empty in given}


def as_row(value: Any) -> Row:
    """A Row as it is; any object of a known format as a Row. Raises Reject."""
    if isinstance(value, Row):
        return value
    if not isinstance(value, dict):
        raise Reject("the row is not an object")
    fmt = recognise(value)
    if fmt is None:
        raise unknown(value)
    return Row(fmt.parse(value))
