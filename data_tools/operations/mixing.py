"""`mix`, `merge` and `sample`: several sources into one, with counts and a seeded shuffle."""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import orjson

from data_tools.account import Account
from data_tools.containers.atomic import atomic
from data_tools.containers.emitting import Emitter, texts
from data_tools.containers.files import expand
from data_tools.containers.reading import read
from data_tools.containers.rejects import rejected_file
from data_tools.containers.spool import Spool
from data_tools.containers.writing import container_for, write_texts
from data_tools.errors import DataError, Reject
from data_tools.operations.ordering import Order, digest, ordered, shares

T = TypeVar("T")
Count = int | float | None
"""A number of rows, a share of them (a float: 0.5 is half, 2.0 is each row twice), or all."""
_SPEC = re.compile(r"(?P<path>.+)#(?P<count>\d+(\.\d+)?%?)$")


def parse_spec(spec: str) -> tuple[str, Count]:
    """'a.json#500' → ('a.json', 500); '#0.5' and '#50%' are shares; without # all rows."""
    match = _SPEC.match(spec)
    if match is None or Path(spec).exists():
        return spec, None
    count = match["count"]
    if count.endswith("%"):
        return match["path"], float(count[:-1]) / 100
    return match["path"], float(count) if "." in count else int(count)


def how_many(count: Count, size: int) -> int:
    """The number of rows that a count means for a source of `size` rows."""
    if count is None:
        return size
    number = int(size * count + 1e-9) if isinstance(count, float) else count
    if number < 0 or (number and not size):
        raise DataError(f"{number} rows cannot be drawn from a source of {size} rows")
    return number


def draw(order: Order, members: Sequence[int], number: int) -> list[int]:
    """`number` of the members: the first in the seeded order, or all of them several times.

    Every row comes equally often, but for one: 250 of 100 rows is each row twice and 50 once more.
    """
    whole, rest = divmod(number, len(members)) if members else (0, 0)
    if whole == 0:
        chosen = set(_first(order, members, rest))
        return [index for index in members if index in chosen]
    return [*members] * whole + (draw(order, members, rest) if rest else [])


def _first(order: Order, members: Sequence[int], number: int) -> Iterator[int]:
    inside = set(members) if len(members) != len(order) else None
    found = 0
    for index in order:
        if found == number:
            return
        if inside is None or index in inside:
            found += 1
            yield index


def sample(rows: Iterable[T], count: int | float, *, seed: int = 0) -> list[T]:
    """Draw rows: an int is a number, a float a share; more than there are repeats them.

    Which rows are drawn depends on their content and the seed, not on their order; those drawn
    keep the order they came in.
    """
    held, order = ordered(rows, seed)
    return [held[i] for i in draw(order, range(len(held)), how_many(count, len(held)))]


def by_weight(sizes: Sequence[int], weights: Sequence[float], total: int | None) -> list[int]:
    """How many rows each source gives. Without `total`, as many as there are rows in all."""
    if len(sizes) != len(weights):
        raise DataError(f"{len(weights)} weights for {len(sizes)} sources")
    if any(not 0 <= weight < float("inf") for weight in weights) or not sum(weights):
        raise DataError("Weights must be numbers from 0, not all 0", why=f"{list(weights)}")
    scaled = [round(weight * 10**9 / sum(weights)) for weight in weights]
    return shares(scaled, sum(sizes) if total is None else total)


def mix(
    sources: Sequence[Iterable[T]],
    *,
    counts: Sequence[Count] | None = None,
    weights: Sequence[float] | None = None,
    total: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
) -> list[T]:
    """Mix several sources of rows.

    Args:
        counts: how much of each source: rows, a share (float), or None for all.
        weights: instead of counts: the sources' shares of `total` rows (by default as many rows as
            there are); a source that is too small is repeated evenly.
        shuffle: order by the seed, independent of the order of rows and sources; else one source
            after the other.

    Raises:
        DataError: counts and weights together, weights that do not fit, rows drawn from nothing.
    """
    held: list[T] = []
    order = Order(seed)
    sizes: list[int] = []
    for rows in sources:
        before = len(held)
        held += rows
        sizes.append(len(held) - before)
    for row in held:
        order.add(row)
    chosen = _chosen(order, sizes, counts, weights, total, shuffle)
    return [held[index] for index in chosen]


def _chosen(
    order: Order,
    sizes: list[int],
    counts: Sequence[Count] | None,
    weights: Sequence[float] | None,
    total: int | None,
    shuffle: bool,
) -> list[int] | array[int]:
    if weights is not None and any(count is not None for count in counts or []):
        raise DataError("Weights and counts exclude each other", fix="give one of them")
    if weights is not None:
        numbers = by_weight(sizes, weights, total)
    else:
        numbers = [
            how_many(c, n) for c, n in zip(counts or [None] * len(sizes), sizes, strict=True)
        ]
    for number, size in zip(numbers, sizes, strict=True):
        how_many(number, size)
    chosen: array[int] = array("I")
    start = 0
    for number, size in zip(numbers, sizes, strict=True):
        chosen.extend(draw(order, range(start, start + size), number))
        start += size
    return _shuffled(order, chosen) if shuffle else chosen


def _shuffled(order: Order, chosen: array[int]) -> array[int]:
    """The seeded order; the copies of a row that is drawn several times are spread out."""
    copies: dict[int, int] = {}
    for index in chosen:
        copies[index] = copies.get(index, 0) + 1
    most = max(copies.values(), default=0)
    once = array("I", (index for index in order if index in copies))
    if most <= 1:
        return once
    spread: list[tuple[int, int]] = []
    last, number = -1, 0
    for index in once:
        mark = order.mark(index)
        number = number if mark == last else 0
        for _ in range(copies[index]):
            spread.append((digest(order.seed, b"%d %d" % (mark, number)), index))
            number += 1
        last = mark
    return array("I", (index for _, index in sorted(spread)))


def merge(sources: Iterable[Iterable[T]]) -> Iterator[T]:
    """One source after the other, as they come."""
    for rows in sources:
        yield from rows


def mix_files(
    specs: Sequence[str | os.PathLike[str]],
    dst: str | os.PathLike[str],
    *,
    weights: Sequence[float] | None = None,
    total: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    to: str = "same",
    container: str | None = None,
    indent: int | None = None,
    drop: Iterable[str] = (),
    rejected: str | os.PathLike[str] | None = None,
    account: Account | None = None,
    strict: bool = False,
    max_rejects: str | int | None = None,
    **reading: Any,
) -> Account:
    """Mix files (`path`, `path#500`, `path#0.5`, `path#200%`) into one, with flat memory.

    In the account a row that is drawn again counts as read again, and a row that is not drawn is
    rejected with that reason. For the other arguments see `mix` and `convert`.
    """
    account = account or Account()
    account.strict, account.max_rejects = strict, max_rejects
    parsed = [parse_spec(os.fspath(spec)) for spec in specs]
    with rejected_file(rejected, account, dst), Spool(Path(dst).parent) as spool:
        emitter = Emitter(to, drop, account)
        order = Order(seed)
        sizes: list[int] = []
        for path, _ in parsed:
            rows = read(
                [*expand(path, but=[dst])], account=account, keep_raw=to == "same", **reading
            )
            for row, text in texts(rows, emitter, account):
                spool.add(text)
                order.add(row)
            sizes.append(len(spool) - sum(sizes))
        account.hold_limits()
        counts = [count for _, count in parsed]
        chosen = _chosen(order, sizes, counts, weights, total, shuffle)
        _account_for(spool, chosen, parsed, sizes, account)
        with atomic(dst) as file:
            write_texts(
                spool.pick(chosen), file, container or container_for(dst), emitter, account, indent
            )
    account.check()
    return account


def _account_for(
    spool: Spool,
    chosen: Sequence[int],
    parsed: list[tuple[str, Count]],
    sizes: list[int],
    account: Account,
) -> None:
    drawn = bytearray(len(spool))
    for index in chosen:
        if drawn[index]:
            account.read += 1
            account.note("rows drawn again (up-sampling)")
        drawn[index] = 1
    start = 0
    for (path, _), size in zip(parsed, sizes, strict=True):
        left = (index for index in range(start, start + size) if not drawn[index])
        for text in spool.pick(left):
            verdict = Reject("not drawn (down-sampling)")
            account.reject(verdict, file=path, row=orjson.loads(text), asked=True)
        start += size
