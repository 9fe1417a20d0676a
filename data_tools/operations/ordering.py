"""A seeded order of rows that does not depend on the order in which they came.

Each row's place follows from a hash of its content and the seed. Only a few bytes a row are kept
in memory, so millions of rows can be ordered beside a `Spool`.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import orjson

from data_tools.errors import DataError, UsageFault
from data_tools.formats.emitting import as_row
from data_tools.rows import Row

_BUCKETS = 256


def digest(seed: int, content: bytes) -> int:
    """64 bits of a seeded hash that is the same on every machine and in every run."""
    key = str(seed).encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8, key=key).digest(), "big")


def content(row: Any) -> bytes:
    """The row's content as bytes; equal rows give equal bytes."""
    shown = {k: v for k, v in row.items() if k != "raw"} if isinstance(row, Row) else row
    return orjson.dumps(shown, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def request(row: Any) -> bytes:
    """What the row asks: its first user text, without regard to case and spacing."""
    if not isinstance(row, Row):
        row = as_row(row)
    asked = next((m["content"] for m in row["messages"] if m["role"] == "user"), None)
    if not asked:
        return content(row)
    return " ".join(str(asked).casefold().split()).encode("utf-8", "surrogatepass")


GROUPS: dict[str, Callable[[Any], bytes]] = {"request": request, "row": content}


def group_key(group: str) -> Callable[[Any], bytes]:
    """The function behind a grouping's name."""
    if group not in GROUPS:
        raise UsageFault(f"Rows cannot be grouped by {group!r}", why="known: " + ", ".join(GROUPS))
    return GROUPS[group]


def source_of(row: Any) -> str:
    """The file (and sheet) a row came from."""
    if isinstance(row, Row):
        return row.source.file + (f"#{row.source.sheet}" if row.source.sheet else "")
    return str(row.get("source", "")) if isinstance(row, dict) else ""


class Order:
    """Rows by number, in their seeded order, with their groups and strata.

    Holds 16 bytes a row, and 8 more when rows are grouped.
    """

    def __init__(self, seed: int, group: str | None = None) -> None:
        self.seed = seed
        self._group = group_key(group) if group else None
        self._groups = array("Q")
        self._rows = array("Q")
        self._strata = array("I")
        self._names: dict[str, int] = {}
        self._sorted = array("I")

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def strata(self) -> list[str]:
        """The strata's names, by number."""
        return list(self._names)

    def add(self, row: Any, stratum: str = "") -> None:
        """The next row."""
        self._rows.append(digest(self.seed, content(row)))
        if self._group:
            self._groups.append(digest(self.seed + 1, self._group(row)))
        self._strata.append(self._names.setdefault(stratum, len(self._names)))

    def take(self, indices: Iterable[int]) -> Order:
        """The order of some of the rows, which may come several times; numbered as they come."""
        taken = Order(self.seed)
        taken._group, taken._names = self._group, self._names
        for index in indices:
            taken._rows.append(self._rows[index])
            taken._strata.append(self._strata[index])
            if self._group:
                taken._groups.append(self._groups[index])
        return taken

    def mark(self, index: int) -> int:
        """The hash of a row's content; rows with the same one follow each other."""
        return self._rows[index]

    def stratum(self, index: int) -> int:
        """The number of a row's stratum."""
        return self._strata[index]

    def __iter__(self) -> Iterator[int]:
        """The rows' numbers in the seeded order; those of one group follow each other."""
        if len(self._sorted) != len(self._rows):
            self._sorted = array("I", self._in_order())
        return iter(self._sorted)

    def _in_order(self) -> Iterator[int]:
        """Sorted bucket by bucket: a list of all rows at once would need many times the memory."""
        first = self._groups if self._group else self._rows
        rows, strata = self._rows, self._strata
        buckets = [array("I") for _ in range(_BUCKETS)]
        for index, value in enumerate(first):
            buckets[value >> 56].append(index)
        for bucket in buckets:
            yield from sorted(bucket, key=lambda i: (first[i], rows[i], strata[i]))

    def groups(self) -> Iterator[list[int]]:
        """The groups in the seeded order; each row alone when rows are not grouped."""
        if not self._group:
            yield from ([index] for index in self)
            return
        for _, members in groupby(self, key=self._groups.__getitem__):
            yield list(members)


def ordered(rows: Iterable[Any], seed: int) -> tuple[list[Any], Order]:
    """The rows in a list and their order."""
    held = list(rows)
    order = Order(seed)
    for row in held:
        order.add(row)
    return held, order


def shares(sizes: list[int], count: int) -> list[int]:
    """`count` rows shared out by size; the largest remainders get what is left over."""
    total = sum(sizes) or 1
    found = [size * count // total for size in sizes]
    by_rest = sorted(range(len(sizes)), key=lambda i: (-(sizes[i] * count % total), i))
    for index in by_rest[: count - sum(found)]:
        found[index] += 1
    return found


def wanted(share: float | int, total: int, name: str) -> int:
    """A ratio floors as the tutorials' scripts do, int(690 * 0.7) = 482; an int is a count."""
    if isinstance(share, bool) or not isinstance(share, int | float) or share < 0:
        raise UsageFault(
            f"{name} must be a ratio from 0 to 1 or a number of rows", why=f"{share!r}"
        )
    if isinstance(share, float):
        if not share <= 1:
            raise UsageFault(f"{name} is {share}", why="a ratio is at most 1.0; a count has no dot")
        return int(total * share)
    if share > total:
        raise DataError(f"{name} asks for {share:,} rows", why=f"there are {total:,}")
    return share
