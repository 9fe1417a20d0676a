"""`split`: two sides of one data set, the same whatever order the rows come in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from data_tools.errors import DataError, UsageFault
from data_tools.operations.ordering import Order, shares, source_of, wanted

T = TypeVar("T")
REST, TRAIN, TEST = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Split:
    """How rows are split; see `split`."""

    train: float | int
    test: float | int | None = None
    group: str | None = None
    stratify: str | None = None


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
        group: "request" keeps rows that ask the same thing on one side ("row": rows that are the
            same throughout), so that a duplicate never sits on both; None splits plainly, as the
            tutorials' scripts do. Counts stay exact as long as groups can be found that fill them;
            otherwise train is as near below as they allow.
        stratify: "source" takes the same share of each file.
        test: how many go to the other side; all the rest by default.

    Raises:
        DataError: a ratio above 1, more rows asked for than there are.
    """
    held = list(rows)
    order = Order(seed, group)
    for row in held:
        order.add(row, stratum_of(row, stratify))
    sides = assign(order, train=train, test=test)
    return (
        [held[i] for i in order if sides[i] == TRAIN],
        [held[i] for i in order if sides[i] == TEST],
    )


def stratum_of(row: Any, stratify: str | None) -> str:
    """The stratum of a row; one for all when rows are not stratified."""
    if stratify not in (None, "source"):
        raise UsageFault(f"Rows cannot be stratified by {stratify!r}", why="known: source")
    return source_of(row) if stratify else ""


def assign(order: Order, *, train: float | int, test: float | int | None = None) -> bytearray:
    """TRAIN, TEST or REST for each row. Whole groups go to one side."""
    total = len(order)
    n_train = wanted(train, total, "train")
    n_test = total - n_train if test is None else wanted(test, total, "test")
    if n_train + n_test > total:
        why = f"{n_train:,} + {n_test:,} of {total:,}"
        raise DataError("train and test together ask for more rows than there are", why=why)
    sizes = _sizes(order)
    left = {TRAIN: shares(sizes, n_train), TEST: shares(sizes, n_test)}
    sides = bytearray(total)
    for members in order.groups():
        stratum = order.stratum(members[0])
        if len(members) <= left[TRAIN][stratum]:
            side = TRAIN
        elif test is None or len(members) <= left[TEST][stratum]:
            side = TEST
        else:
            continue
        left[side][stratum] -= len(members)
        for index in members:
            sides[index] = side
    return sides


def _sizes(order: Order) -> list[int]:
    """The rows of each stratum; a group counts for its first member's."""
    sizes = [0] * max(1, len(order.strata))
    for members in order.groups():
        sizes[order.stratum(members[0])] += len(members)
    return sizes
