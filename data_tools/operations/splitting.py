"""`split`: two sides of one data set, the same whatever order the rows come in."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import orjson

from data_tools.account import Account
from data_tools.containers.atomic import atomic_together
from data_tools.containers.emitting import Emitter, texts
from data_tools.containers.files import expand
from data_tools.containers.reading import Paths, read
from data_tools.containers.rejects import rejected_file
from data_tools.containers.spool import Spool
from data_tools.containers.writing import container_for, write_texts
from data_tools.errors import DataError, Reject
from data_tools.operations.ordering import Order, shares, source_of, wanted

T = TypeVar("T")
REST, TRAIN, TEST = 0, 1, 2


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
        order.add(row, _stratum(row, stratify))
    sides = assign(order, train=train, test=test)
    return (
        [held[i] for i in order if sides[i] == TRAIN],
        [held[i] for i in order if sides[i] == TEST],
    )


def _stratum(row: Any, stratify: str | None) -> str:
    if stratify not in (None, "source"):
        raise DataError(f"Rows cannot be stratified by {stratify!r}", why="known: source")
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


def straddling(order: Order, sides: bytearray) -> int:
    """How many groups have rows on both sides."""
    count = 0
    for members in order.groups():
        found = {sides[index] for index in members}
        count += TRAIN in found and TEST in found
    return count


def split_file(
    src: Paths,
    train_path: str | os.PathLike[str],
    test_path: str | os.PathLike[str],
    *,
    train: float | int,
    seed: int = 0,
    group: str | None = None,
    stratify: str | None = None,
    test: float | int | None = None,
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
    """Split files into two, with flat memory; see `split` and `convert` for the arguments.

    Rows are written as they were unless `to` names a format. Both files appear together or not at
    all. Rows that belong to neither side (with `test`) are in the rejected file, with that reason.
    """
    account = account or Account()
    account.strict, account.max_rejects = strict, max_rejects
    if Path(train_path).resolve() == Path(test_path).resolve():
        raise DataError("Train and test have the same path", str(train_path))
    with rejected_file(rejected, account, train_path), Spool(Path(train_path).parent) as spool:
        emitter = Emitter(to, drop, account)
        order, requests = Order(seed, group), Order(seed, "request")
        rows = read(
            [*expand(src, but=[train_path, test_path])],
            account=account,
            keep_raw=to == "same",
            **reading,
        )
        for row, text in texts(rows, emitter, account):
            spool.add(text)
            order.add(row, _stratum(row, stratify))
            if group is None:
                requests.add(row)
        account.hold_limits()
        if not len(spool):
            account.check(some=os.fspath(train_path))
        sides = assign(order, train=train, test=test)
        if group is None and (both := straddling(requests, sides)):
            account.note("requests that sit on both sides (group by request to prevent)", both)
        _leave_out(spool, order, sides, account)
        outputs = [(train_path, TRAIN), (test_path, TEST)]
        with atomic_together([path for path, _ in outputs]) as files:
            for (path, side), file in zip(outputs, files, strict=True):
                picked = spool.pick(i for i in order if sides[i] == side)
                write_texts(
                    picked, file, container or container_for(path), emitter, account, indent
                )
    account.check()
    return account


def _leave_out(spool: Spool, order: Order, sides: bytearray, account: Account) -> None:
    rest = (index for index in order if sides[index] == REST)
    for text in spool.pick(rest):
        verdict = Reject("belongs to neither side: the counts are full")
        account.reject(verdict, row=orjson.loads(text), asked=True)
