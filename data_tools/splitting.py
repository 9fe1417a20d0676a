"""`split`: two sides of one data set, the same whatever order the rows come in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import orjson

from data_tools.errors import DataError
from data_tools.rows import Row

T = TypeVar("T")
Key = tuple[bytes, bytes, str]
"""(order of the row's group, order of the row in it, the row's stratum)"""


def digest(seed: int, *parts: bytes) -> bytes:
    """A seeded hash that is the same on every machine and in every run."""
    return hashlib.blake2b(b"\0".join(parts), digest_size=16, key=str(seed).encode()).digest()


def content(row: Any) -> bytes:
    """The row's content as bytes; equal rows give equal bytes."""
    shown = {k: v for k, v in row.items() if k != "raw"} if isinstance(row, Row) else row
    return orjson.dumps(shown, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def request(row: Any) -> bytes:
    """What the row asks: its first user text, without regard to case and spacing."""
    if not isinstance(row, dict):
        return str(row).encode()
    if not isinstance(row, Row):
        from data_tools.writing import as_row

        row = as_row(row)
    asked = next((m["content"] for m in row["messages"] if m["role"] == "user"), None)
    if asked is None:
        return content(row)
    return " ".join(str(asked).casefold().split()).encode("utf-8", "surrogatepass")


GROUPS: dict[str, Callable[[Any], bytes]] = {"request": request, "row": content}


def _source(row: Any) -> str:
    if isinstance(row, Row):
        return row.source.file + (f"#{row.source.sheet}" if row.source.sheet else "")
    return str(row.get("source", "")) if isinstance(row, dict) else ""


def key_of(row: Any, seed: int, group: str | None, stratify: str | None) -> Key:
    """Where the row stands in the seeded order."""
    if group is not None and group not in GROUPS:
        raise DataError(f"Rows cannot be grouped by {group!r}", why="known: request, row")
    if stratify not in (None, "source"):
        raise DataError(f"Rows cannot be stratified by {stratify!r}", why="known: source")
    own = content(row)
    together = GROUPS[group](row) if group else own
    stratum = _source(row) if stratify else ""
    return digest(seed, b"group", together), digest(seed, b"row", own), stratum


def wanted(share: float | int, total: int, name: str) -> int:
    """A ratio floors as the tutorials' scripts do, int(690 * 0.7) = 482; an int is a count."""
    if isinstance(share, bool) or share < 0:
        raise DataError(f"{name} must be a ratio from 0 to 1 or a number of rows", why=f"{share}")
    if isinstance(share, float):
        if share > 1:
            raise DataError(f"{name} is {share}", why="a ratio is at most 1.0; a count has no dot")
        return int(total * share)
    if share > total:
        raise DataError(f"{name} asks for {share} rows", why=f"there are {total}")
    return share


def assign(
    keys: Sequence[Key], *, train: float | int, test: float | int | None = None
) -> list[str]:
    """'train', 'test' or 'rest' for each row, by its key.

    Whole groups go to one side. Counts are exact as long as groups can be found that fill them;
    otherwise train is as near below as the groups allow.
    """
    total = len(keys)
    count = wanted(train, total, "train")
    others = total - count if test is None else wanted(test, total, "test")
    if count + others > total:
        raise DataError("train and test together ask for more rows than there are", why=f"{total}")
    strata: dict[str, dict[bytes, list[int]]] = {}
    for index, (group, _, stratum) in enumerate(keys):
        strata.setdefault(stratum, {}).setdefault(group, []).append(index)
    sides = ["rest"] * total
    names = sorted(strata)
    sizes = [sum(map(len, strata[name].values())) for name in names]
    for name, n_train, n_test in zip(
        names, _shares(sizes, count), _shares(sizes, others), strict=True
    ):
        _fill(strata[name], sides, n_train, n_test, everything=test is None)
    return sides


def _shares(sizes: list[int], count: int) -> list[int]:
    """`count` rows shared out over strata by their size (largest remainders get the rest)."""
    total = sum(sizes) or 1
    exact = [size * count / total for size in sizes]
    shares = [int(part) for part in exact]
    by_rest = sorted(range(len(sizes)), key=lambda i: (shares[i] - exact[i], i))
    for index in by_rest[: count - sum(shares)]:
        shares[index] += 1
    return shares


def _fill(
    groups: dict[bytes, list[int]], sides: list[str], n_train: int, n_test: int, everything: bool
) -> None:
    """Groups in their seeded order go to train while they fit, then to test."""
    for group in sorted(groups):
        members = groups[group]
        if len(members) <= n_train:
            n_train -= len(members)
            side = "train"
        elif everything or len(members) <= n_test:
            n_test -= len(members)
            side = "test"
        else:
            continue
        for index in members:
            sides[index] = side


def split(
    rows: Iterable[T],
    *,
    train: float | int,
    seed: int = 0,
    group: str | None = None,
    stratify: str | None = None,
    test: float | int | None = None,
) -> tuple[list[T], list[T]]:
    """Split rows into (train, test), shuffled by the seed.

    The same rows and seed give the same two sides in the same order, whatever order the rows came
    in. A float is a ratio and floors: `int(690 * 0.7)` = 482 rows; an int is a number of rows.

    Args:
        group: "request" keeps rows that ask the same thing on one side, so that a duplicate never
            sits on both; None splits plainly, as the tutorials' scripts do. Rows that are equal
            in every respect are kept together either way when counts allow it.
        stratify: "source" takes the same share of each file.
        test: how many go to the other side; all the rest by default.

    Raises:
        DataError: a ratio above 1, more rows asked for than there are.
    """
    held = list(rows)
    keys = [key_of(row, seed, group, stratify) for row in held]
    if group is None:
        keys = _distinct(keys)
    sides = assign(keys, train=train, test=test)
    order = sorted(range(len(held)), key=lambda i: keys[i])
    return (
        [held[i] for i in order if sides[i] == "train"],
        [held[i] for i in order if sides[i] == "test"],
    )


def _distinct(keys: list[Key]) -> list[Key]:
    """Each row its own group: equal rows get a counter, so that counts are always exact."""
    seen: dict[Key, int] = {}
    found = []
    for key in keys:
        number = seen.get(key, 0)
        seen[key] = number + 1
        found.append((key[0] + number.to_bytes(4, "big"), key[1], key[2]))
    return found
