"""`dedupe`: exact and near-duplicate removal; the first of several rows stays."""

from __future__ import annotations

import hashlib
import heapq
import importlib
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from data_tools.account import Account
from data_tools.containers.emitting import reject_row
from data_tools.errors import Reject, UsageFault
from data_tools.formats.common import dump
from data_tools.formats.emitting import as_row
from data_tools.operations.ordering import content, request
from data_tools.rows import MARKS, At, Row, Source

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
COMPARED = 8  # candidates a row, the most similar first
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
            aside); "near": the texts without the system text are about the same, the
            questions alone and the answers alone too, and not only a number is another one.
        near: for "near": the similarity from which texts count as the same: the share of their
            4-character pieces that both have (Jaccard), as estimated by MinHash (128
            permutations; standard error 0.04 in the middle); of questions and of answers, which
            are often short, the share of their pairs of characters.
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
    """MinHash with locality-sensitive hashing finds candidates; the best are compared by texts."""

    def __init__(self, near: float) -> None:
        self._rensa: Any = importlib.import_module("rensa")
        self._near = near
        self._index = self._rensa.RMinHashLSH(near, PERMUTATIONS, BANDS)
        self._kept: list[tuple[Any, Sides, Place]] = []

    def find(self, row: Row) -> Match:
        mark, texts = self._rensa.RMinHash(PERMUTATIONS, SEED), sides(row)
        mark.update(shingles(row))
        scored = ((self._kept[at][0].jaccard(mark), at) for at in self._index.query(mark))
        near = ((score, at) for score, at in scored if score >= self._near)
        for score, at in heapq.nlargest(COMPARED, near):
            _, before, place = self._kept[at]
            if _are_copies(before, texts, self._near):
                return place, f" (similarity {score:.2f})"
        self._index.insert(len(self._kept), mark)
        self._kept.append((mark, texts, (row.source, row.at)))
        return None, ""


class Sides(NamedTuple):
    """What makes a row another one: folded texts, and what stands beside them."""

    asked: str
    answered: str
    beside: str


def sides(row: Row) -> Sides:
    """What is asked and what is answered in a row, without the system text, and its media."""
    asked: list[str] = []
    answered: list[str] = []
    for message in row.answers:
        if message["role"] == "call":
            answered.append(_folded(dump([message["name"], message["arguments"]])))
        elif message["role"] != "system" and isinstance(text := message["content"], str):
            (asked if message["role"] == "user" else answered).append(_folded(text))
    beside = [row.get(key) for key in (*MARKS, "kto_tag")]
    return Sides("".join(asked), "".join(answered), dump(beside) if any(beside) else "")


def _are_copies(one: Sides, other: Sides, near: float) -> bool:
    """Are the questions alike, and the answers, and is it no template with another number in it?"""
    pairs = ((one.asked, other.asked), (one.answered, other.answered))
    if one.beside != other.beside or any(_alike(*pair) < near for pair in pairs):
        return False
    if _digits("".join(one)) == _digits("".join(other)):
        return True
    return all(_words(before) != _words(after) for before, after in pairs)


def _alike(one: str, other: str) -> float:
    """The share of their pairs of characters that both texts have."""
    if one == other:
        return 1.0
    pairs, others = ({text[at : at + 2] for at in range(len(text))} for text in (one, other))
    return len(pairs & others) / len(pairs | others)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _words(text: str) -> str:
    return "".join(char for char in text if not char.isdigit())


def _folded(text: str) -> str:
    """Letters and digits only, case aside."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded)) or "".join(folded.split())


def shingles(row: Row) -> list[str]:
    """The 4-character pieces of a row's texts: letters and digits only, case aside.

    The system text does not count: role-play sets share one, and it would make all rows alike.
    """
    found: set[str] = set()
    for message in row.answers:
        text = message.get("content")
        if message["role"] == "system" or not isinstance(text, str):
            continue
        plain = _folded(text)
        last = max(1, len(plain) - SHINGLE + 1)
        found.update(plain[at : at + SHINGLE] for at in range(last))
    return sorted(found)
