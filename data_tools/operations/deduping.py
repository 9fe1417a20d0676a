"""`dedupe`: exact and near-duplicate removal; the first of several rows stays."""

from __future__ import annotations

import hashlib
import importlib
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from data_tools.account import Account
from data_tools.containers.emitting import reject_row
from data_tools.errors import Reject, UsageFault
from data_tools.formats.emitting import as_row
from data_tools.operations.ordering import content, request
from data_tools.rows import At, Row, Source

WHAT = {
    "exact": "an exact duplicate",
    "request": "a repeated question",
    "near": "a near-duplicate",
}
KINDS = tuple(WHAT)
NEAR = 0.5
"""From which similarity rows count as the same: 99% of the copies with 5% of their characters
changed are above it (docs/decisions/data-near-duplicates.md)."""
SHINGLE = 4
PERMUTATIONS = 128
BANDS = 32
SEED = 42


def dedupe(
    rows: Iterable[Row],
    *,
    by: str = "exact",
    near: float = NEAR,
    account: Account | None = None,
) -> Iterator[Row]:
    """Leave out rows that came before; see `Deduper`. Rows left out are rejected in the account."""
    return Deduper(by, near).first(rows, account or Account())


class Deduper:
    """Remembers the rows that came, over several sources.

    Args:
        by: "exact": equal in every text; "request": the same first question (case and spacing
            aside); "near": the texts without the system text are about the same.
        near: for "near": the similarity of two rows from which they count as the same: the share
            of their 4-character pieces that both have (Jaccard), as estimated by MinHash
            (128 permutations; standard error 0.04 in the middle).
    """

    def __init__(self, by: str = "exact", near: float = NEAR) -> None:
        if by not in KINDS:
            known = "known: " + ", ".join(KINDS)
            raise UsageFault(f"There are no {by!r} duplicates", "dedupe", known)
        if not 0 < near <= 1:
            raise UsageFault("A similarity lies between 0 and 1", "near", f"it is {near}")
        self._by = by
        self._known = _Near(near) if by == "near" else _Exact(by)

    def first(self, rows: Iterable[Row], account: Account) -> Iterator[Row]:
        """The rows that did not come before; the others are rejected, with the first's place."""
        for value in rows:
            row = as_row(value)
            before, similarity = self._known.find(row)
            if before is None:
                yield row
                continue
            spot = f"of {before[0].where(before[1])}{similarity}"
            reject_row(account, Reject(WHAT[self._by], spot), row, asked=True)


Place = tuple[Source, At]
Match = tuple["Place | None", str]
"""Where the row came before (None: it is new), and how similar it is, in words."""


class _Exact:
    def __init__(self, by: str) -> None:
        self._by = by
        self._seen: dict[bytes, Place] = {}

    def find(self, row: Row) -> Match:
        key = request(row) if self._by == "request" else content(_texts(row))
        mark = hashlib.blake2b(key, digest_size=16).digest()
        place = (row.source, row.at)
        before = self._seen.setdefault(mark, place)
        return (None if before is place else before), ""


def _texts(row: Row) -> dict[str, Any]:
    """What makes two rows the same: all but where they came from and their id."""
    return {key: row[key] for key in row if key not in ("id", "raw", "extra", "input")}


class _Near:
    """MinHash with locality-sensitive hashing; candidates are compared by all values."""

    def __init__(self, near: float) -> None:
        self._rensa: Any = importlib.import_module("rensa")
        self._near = near
        self._index = self._rensa.RMinHashLSH(near, PERMUTATIONS, BANDS)
        self._kept: list[tuple[Any, Place]] = []

    def find(self, row: Row) -> Match:
        mark = self._rensa.RMinHash(PERMUTATIONS, SEED)
        mark.update(shingles(row))
        scored = ((self._kept[at][0].jaccard(mark), at) for at in self._index.query(mark))
        best, at = max(scored, default=(0.0, -1))
        if best >= self._near:
            return self._kept[at][1], f" (similarity {best:.2f})"
        self._index.insert(len(self._kept), mark)
        self._kept.append((mark, (row.source, row.at)))
        return None, ""


def shingles(row: Row) -> list[str]:
    """The 4-character pieces of a row's texts: letters and digits only, case aside.

    The system text does not count: role-play sets share one, and it would make all rows alike.
    """
    found: set[str] = set()
    for message in row.answers:
        text = message.get("content")
        if message["role"] == "system" or not isinstance(text, str):
            continue
        folded = unicodedata.normalize("NFKC", text).casefold()
        plain = "".join(filter(str.isalnum, folded)) or "".join(folded.split())
        last = max(1, len(plain) - SHINGLE + 1)
        found.update(plain[at : at + SHINGLE] for at in range(last))
    return sorted(found)
