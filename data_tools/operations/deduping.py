"""`dedupe`: exact and near-duplicate removal; the first of several rows stays."""

from __future__ import annotations

import hashlib
import importlib
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from data_tools.account import Account
from data_tools.containers.emitting import as_row, reject_row
from data_tools.errors import DataError, Reject
from data_tools.operations.ordering import content, request
from data_tools.rows import Row, Source

KINDS = ("exact", "request", "near")
SHINGLE = 4
PERMUTATIONS = 128
BANDS = 16
SEED = 42


def dedupe(
    rows: Iterable[Row],
    *,
    by: str = "exact",
    near: float = 0.85,
    account: Account | None = None,
) -> Iterator[Row]:
    """Leave out rows that came before.

    Args:
        by: "exact": equal in every text; "request": the same first question (case and spacing
            aside); "near": the texts without the system text are about the same.
        near: for "near": the Jaccard similarity of their 4-character pieces from which two rows
            count as the same, as estimated by MinHash (128 permutations; standard error 0.03).
        account: rows left out are rejected there, each with the place of the row it repeats.
    """
    if by not in KINDS:
        raise DataError(f"There are no {by!r} duplicates", "dedupe", "known: " + ", ".join(KINDS))
    account = account or Account()
    if by == "near":
        if not 0 < near <= 1:
            raise DataError("A similarity lies between 0 and 1", "near", f"it is {near}")
        return _near(rows, near, account)
    return _exact(rows, by, account)


def _exact(rows: Iterable[Row], by: str, account: Account) -> Iterator[Row]:
    seen: dict[bytes, Place] = {}
    for value in rows:
        row = as_row(value)
        key = request(row) if by == "request" else content(_texts(row))
        mark = hashlib.blake2b(key, digest_size=16).digest()
        if mark not in seen:
            seen[mark] = (row.source, row.at)
            yield row
            continue
        what = "a repeated question" if by == "request" else "an exact duplicate"
        reject_row(account, Reject(what, f"of {_where(seen[mark])}"), row, asked=True)


Place = tuple[Source, int]


def _where(place: Place) -> str:
    return place[0].where(place[1])


def _texts(row: Row) -> dict[str, Any]:
    """What makes two rows the same: all but where they came from and their id."""
    return {key: row[key] for key in row if key not in ("id", "raw", "extra", "input")}


def _near(rows: Iterable[Row], near: float, account: Account) -> Iterator[Row]:
    """MinHash with locality-sensitive hashing: 16 bands of 8 find 95% of the pairs at 0.8 and
    99.99% at 0.9; candidates are then compared by all 128 values."""
    rensa: Any = importlib.import_module("rensa")
    index = rensa.RMinHashLSH(near, PERMUTATIONS, BANDS)
    kept: list[tuple[Any, Place]] = []
    for value in rows:
        row = as_row(value)
        mark = rensa.RMinHash(PERMUTATIONS, SEED)
        mark.update(shingles(row))
        scored = ((kept[found][0].jaccard(mark), found) for found in index.query(mark))
        best, found = max(scored, default=(0.0, -1))
        if best >= near:
            spot = f"of {_where(kept[found][1])} (similarity {best:.2f})"
            reject_row(account, Reject("a near-duplicate", spot), row, asked=True)
            continue
        index.insert(len(kept), mark)
        kept.append((mark, (row.source, row.at)))
        yield row


def shingles(row: Row) -> list[str]:
    """The 4-character pieces of a row's texts: letters and digits only, case aside.

    The system text does not count: role-play sets share one, and it would make all rows alike.
    """
    found: set[str] = set()
    for message in row["messages"]:
        text = message.get("content")
        if message["role"] == "system" or not isinstance(text, str):
            continue
        folded = unicodedata.normalize("NFKC", text).casefold()
        plain = "".join(filter(str.isalnum, folded)) or "".join(folded.split())
        last = max(1, len(plain) - SHINGLE + 1)
        found.update(plain[at : at + SHINGLE] for at in range(last))
    return sorted(found)
