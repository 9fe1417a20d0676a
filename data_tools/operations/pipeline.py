"""The one way from files of rows to files of rows, for every command and for a recipe's data.

sources → steps (clean, roleplay, dedupe) → sample and mix → split → at most so many rows → files

Rows that are written in the order they come stream through. Where an order, a draw or a split needs
to know them all, their texts wait on disk and some 40 bytes a row stay in memory. The account
equals the files: read = written + rejected, for each source and for all.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data_tools.account import Account, limit_of
from data_tools.containers.atomic import atomic_together
from data_tools.containers.emitting import dumps, objects, reject_row
from data_tools.containers.files import expand
from data_tools.containers.opened import ReadOptions
from data_tools.containers.reading import Paths, read, read_for_writing
from data_tools.containers.rejects import rejected_file
from data_tools.containers.writing import container_for, write_texts, writer_for
from data_tools.errors import Reject, UsageFault
from data_tools.formats import shortcuts
from data_tools.formats.emitting import Emitter, as_row
from data_tools.operations.deduping import Deduper
from data_tools.operations.mixing import Count, choose, draw, spread
from data_tools.operations.row_store import RowStore
from data_tools.operations.splitting import REST, TRAIN, Split, assign
from data_tools.operations.steps import CHANGING, apply_steps
from data_tools.rows import Row

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class Input:
    """One source of rows: files, or a function that makes rows.

    steps: see `apply_steps`.
    count: rows to draw (a number, or a share as a float); too few repeat evenly.
    weight: the share of this source in the mix, relative to the others (1).
    """

    files: Paths = ""
    rows: Callable[[], Iterable[Row]] | None = None
    reading: ReadOptions = field(default_factory=ReadOptions)
    steps: Mapping[str, Any] = field(default_factory=dict)
    count: Count = None
    weight: float | None = None


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What is to be done; `run` does it.

    outputs: one file, or the files for training and for testing.
    to, container, indent, drop: see `write`.
    columns, turn_fields: what the reader of the files knows of rows and turns; see `Emitter`.
    dedupe: over all sources, before anything is drawn; the options of `dedupe`.
    shuffle: in the seeded order; a split is always in it. total: rows of a mix by weight.
    limit: at most so many rows in the first file, drawn over all of them.
    rejected: where rejected rows go. strict, max_rejects: see `Account`.
    allow_empty: write empty files when no row is left; otherwise that is an error.
    """

    inputs: Sequence[Input]
    outputs: Sequence[AnyPath]
    to: str = "same"
    container: str | None = None
    indent: int | None = None
    drop: Sequence[str] = ()
    columns: Mapping[str, Any] | None = None
    turn_fields: Collection[str] | None = None
    dedupe: Mapping[str, Any] | None = None
    shuffle: bool = False
    total: int | None = None
    seed: int = 0
    split: Split | None = None
    limit: int | None = None
    rejected: AnyPath | None = None
    strict: bool = False
    max_rejects: str | int | None = None
    allow_empty: bool = False

    @property
    def streams(self) -> bool:
        """Can rows be written as they come?"""
        needs = (self.split, self.limit, self.columns)
        drawn = any(i.count is not None or i.weight is not None for i in self.inputs)
        return not drawn and not self.shuffle and all(need is None for need in needs)


@dataclass(frozen=True)
class Outcome:
    """The account over all, that of each input, and for each file its rows of each input.

    ``origins``: for each file, the number of the input of each row, in the file's order; nothing
    where rows were written as they came.
    """

    account: Account
    inputs: tuple[Account, ...]
    shares: tuple[tuple[int, ...], ...]
    origins: tuple[Sequence[int], ...] = ()

    @property
    def written(self) -> tuple[int, ...]:
        """The rows of each file."""
        return tuple(map(sum, self.shares))


def run(job: Pipeline, account: Account | None = None) -> Outcome:
    """Read, change, draw, split and write.

    Raises:
        DataError: nothing was written; earlier outputs are as they were.
    """
    account = account or Account()
    account.strict, account.max_rejects = job.strict, job.max_rejects
    limit_of(job.max_rejects)
    if job.total is not None and _weights(job) is None:
        raise UsageFault("A total is shared out by weights", "total", fix="give weights as well")
    _check_outputs(job)
    emitter = Emitter(job.to, job.drop, account, job.columns, job.turn_fields)
    with rejected_file(job.rejected, account, job.outputs[0], _others(job)):
        return (_stream if job.streams else _through_store)(job, emitter, account)


def _others(job: Pipeline) -> list[AnyPath]:
    """The files that the rejected rows must not take the place of, beside the first output."""
    files = [expand(source.files, but=job.outputs) for source in job.inputs if source.rows is None]
    return [*job.outputs[1:], *(path for found in files for path in found)]


def _check_outputs(job: Pipeline) -> None:
    paths = [Path(output).resolve() for output in job.outputs]
    if len(set(paths)) < len(paths):
        raise UsageFault("Train and test have the same path", str(job.outputs[0]))
    for path in job.outputs:
        if job.container is None:
            container_for(path)
    if len(paths) > 1:
        files = [expand(i.files, but=job.outputs) for i in job.inputs if i.rows is None]
        for file in (file for found in files for file in found):
            if file.resolve() in paths:
                fix = "name another file with -o or --test-output"
                raise UsageFault("An output is one of the files that are read", str(file), fix=fix)


def _stream(job: Pipeline, emitter: Emitter, account: Account) -> Outcome:
    rows = _all_rows(job, [account] * len(job.inputs))
    kind = job.container or container_for(job.outputs[0])
    with atomic_together(list(job.outputs)) as (file,):
        found = objects((row for _, row in rows), emitter, account)
        writer_for(kind)(found, file, emitter, account, job.indent)
        emitter.check()
        account.check(some="" if job.allow_empty else os.fspath(job.outputs[0]))
    return Outcome(account, (account,), ((account.written,),))


def _all_rows(job: Pipeline, accounts: Sequence[Account]) -> Iterator[tuple[int, Any]]:
    """(number of the input, row) over all inputs."""
    deduper = None if job.dedupe is None else Deduper(**job.dedupe)
    for number, (source, account) in enumerate(zip(job.inputs, accounts, strict=True)):
        rows: Iterable[Any] = apply_steps(
            _rows_of(source, job, account), source.steps, account=account
        )
        for row in rows if deduper is None else deduper.first(rows, account):
            yield number, row


def _rows_of(source: Input, job: Pipeline, account: Account) -> Iterable[Any]:
    if source.rows is not None:
        return _counted(source.rows(), account)
    same = job.to == "same" and not CHANGING & set(source.steps)
    reading = replace(source.reading, keep_raw=source.reading.keep_raw or same)
    paths = expand(source.files, but=job.outputs)
    plain = not source.steps and job.dedupe is None and job.streams
    shortcut = shortcuts.find(job.to, reading.system) if plain else None
    if shortcut is not None and reading.format in ("auto", "conversation"):
        return read_for_writing(paths, replace(reading, shortcut=shortcut), account)
    return read([*paths], reading, account=account)


def _counted(rows: Iterable[Row], account: Account) -> Iterator[Row]:
    for row in rows:
        account.read += 1
        yield row


def _through_store(job: Pipeline, emitter: Emitter, account: Account) -> Outcome:
    accounts = _own_accounts(job, account)
    with RowStore(
        seed=job.seed,
        split=job.split,
        inputs=len(job.inputs),
        columns=job.columns,
        folder=Path(job.outputs[0]).parent,
    ) as store:
        for number, row in _all_rows(job, accounts):
            emitter.account = accounts[number]
            try:
                raw = emitter.emit(as_row(row))
                store.add(number, row, raw, dumps(raw))
            except Reject as verdict:
                reject_row(accounts[number], verdict, row)
        _total(accounts, account).hold_limit()
        emitter.check()
        if not len(store) and not job.allow_empty:
            _total(accounts, account).check(some=os.fspath(job.outputs[0]))
        parts = _parts(job, store, accounts)
        shares = tuple(store.count_written(part, accounts) for part in parts)
        origins = tuple(array("I", map(store.input_of, part)) for part in parts)
        for own in accounts:
            own.check()
            account.add(replace(own, written=0))
        with atomic_together(list(job.outputs)) as files:
            for path, file, part in zip(job.outputs, files, parts, strict=True):
                kind = job.container or container_for(path)
                texts = store.texts(part)
                write_texts(texts, file, kind, emitter, account, job.indent)
            account.check()
    return Outcome(account, tuple(accounts), shares, origins)


def _own_accounts(job: Pipeline, whole: Account) -> list[Account]:
    """One for each input; their rejected rows go where those of the whole go."""
    accounts = [Account(strict=whole.strict, sink=whole.sink) for _ in job.inputs]
    tick = whole.tick
    if tick is not None:
        for own in accounts:
            own.tick = lambda _rows: tick(sum(each.read for each in accounts))
    return accounts


def _total(accounts: Iterable[Account], whole: Account) -> Account:
    total = Account(max_rejects=whole.max_rejects)
    for own in accounts:
        total.add(own)
    return total


def _parts(job: Pipeline, store: RowStore, accounts: Sequence[Account]) -> list[array[int]]:
    """The rows of each file, in order; those that come into none are accounted for."""
    counts, weights = [source.count for source in job.inputs], _weights(job)
    chosen = choose(store.order, store.sizes, counts, weights, job.total)
    store.count_draw(chosen, accounts)
    parts = [spread(store.order, chosen) if job.shuffle else chosen]
    if job.split is not None:
        every = weights is None and not any(count is not None for count in counts)
        order = store.order if every else store.order.take(chosen)
        sides = assign(order, train=job.split.train, test=job.split.test)
        picked = [array("I", (chosen[i] for i in order if sides[i] == s)) for s in range(3)]
        store.leave_out(picked[REST], "belongs to neither side: the counts are full", accounts)
        parts = picked[TRAIN : TRAIN + len(job.outputs)]
        store.note_straddling(parts, accounts[0])
    if job.limit is not None and len(parts[0]) > job.limit:
        parts[0] = _limited(parts[0], job.limit, store, accounts)
    return parts


def _limited(
    part: array[int], limit: int, store: RowStore, accounts: Sequence[Account]
) -> array[int]:
    kept = bytearray(len(part))
    for index in draw(store.order.take(part), range(len(part)), limit):
        kept[index] = 1
    rest = (row for row, keep in zip(part, kept, strict=True) if not keep)
    store.leave_out(rest, f"not drawn (at most {limit:,} rows)", accounts)
    return array("I", (row for row, keep in zip(part, kept, strict=True) if keep))


def _weights(job: Pipeline) -> list[float] | None:
    weights = [source.weight for source in job.inputs]
    if all(weight is None for weight in weights):
        return None
    return [1.0 if weight is None else weight for weight in weights]
