"""`mix` and `sample`: how many rows each source gives, and which ones."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from data_tools.errors import DataError, UsageFault
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


def draw(order: Order, members: Sequence[int], number: int) -> array[int]:
    """`number` of the members: the first in the seeded order, or all of them several times.

    Every row comes equally often, but for one: 250 of 100 rows is each row twice and 50 once more.
    """
    whole, rest = divmod(number, len(members)) if members else (0, 0)
    drawn = array("I", members) * whole
    if rest:
        chosen = bytearray(len(order))
        for index in _first(order, members, rest):
            chosen[index] = 1
        drawn.extend(index for index in members if chosen[index])
    return drawn


def _first(order: Order, members: Sequence[int], number: int) -> Iterator[int]:
    inside = bytearray(len(order))
    for index in members:
        inside[index] = 1
    found = 0
    for index in order:
        if found == number:
            return
        if inside[index]:
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
        raise UsageFault(f"{len(weights)} weights for {len(sizes)} sources")
    if any(not 0 <= weight < float("inf") for weight in weights) or not sum(weights):
        raise UsageFault("Weights must be numbers from 0, not all 0", why=f"{list(weights)}")
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
        weights: the sources' shares of `total` rows (by default as many rows as there are); a
            source that is too small is repeated evenly.
        shuffle: order by the seed, independent of the order of rows and sources; else one source
            after the other.

    Raises:
        DataError: weights that do not fit, rows drawn from nothing.
    """
    held: list[T] = []
    sizes: list[int] = []
    for rows in sources:
        before = len(held)
        held += rows
        sizes.append(len(held) - before)
    order = Order(seed)
    for row in held:
        order.add(row)
    chosen = choose(order, sizes, counts or [None] * len(sizes), weights, total)
    return [held[index] for index in (spread(order, chosen) if shuffle else chosen)]


def choose(
    order: Order,
    sizes: Sequence[int],
    counts: Sequence[Count],
    weights: Sequence[float] | None,
    total: int | None = None,
) -> array[int]:
    """Which rows come, one source after the other. Counts are drawn first, weights share those."""
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    wanted = [how_many(count, size) for count, size in zip(counts, sizes, strict=True)]
    pools: list[Sequence[int]] = [
        draw(order, range(start, start + size), min(number, size)) if number < size
        else range(start, start + size)
        for start, size, number in zip(starts, sizes, wanted, strict=True)
    ]  # fmt: skip
    numbers = wanted if weights is None else by_weight(wanted, weights, total)
    chosen: array[int] = array("I")
    for pool, number in zip(pools, numbers, strict=True):
        how_many(number, len(pool))
        chosen.extend(draw(order, pool, number))
    return chosen


def spread(order: Order, chosen: array[int]) -> array[int]:
    """The seeded order; the copies of a row that is drawn several times are spread out."""
    copies = array("I", bytes(4 * len(order)))
    for index in chosen:
        copies[index] += 1
    once = array("I", (index for index in order if copies[index]))
    if len(once) == len(chosen):
        return once
    marks: list[tuple[int, int]] = []
    last, number = -1, 0
    for index in once:
        mark = order.mark(index)
        number = number if mark == last else 0
        for _ in range(copies[index]):
            marks.append((digest(order.seed, b"%d %d" % (mark, number)), index))
            number += 1
        last = mark
    return array("I", (index for _, index in sorted(marks)))
