"""Rows that wait on disk until it is known which of them come, and in which order."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from data_tools.account import Account
from data_tools.containers.spool import Spool
from data_tools.errors import Reject
from data_tools.formats.common import Raw
from data_tools.operations.ordering import Order, digest, request
from data_tools.operations.splitting import Split, stratum_of
from data_tools.rows import Row, Source

BOTH_SIDES = "requests that sit on both sides (group by request to prevent)"


class RowStore:
    """The texts of all rows on disk; in memory their order, their input and their place."""

    def __init__(
        self,
        *,
        seed: int,
        split: Split | None,
        inputs: int,
        columns: Mapping[str, Any] | None,
        folder: Path,
    ) -> None:
        self._spool = Spool(folder)
        self._split = split
        self.order = Order(seed, split.group if split else None)
        self.sizes = [0] * inputs
        self._sources: dict[Source, int] = {}
        self._from = array("I")
        self._lines = array("Q")
        self._items = array("I")
        self._asked = array("Q")
        lists = [name for name, empty in (columns or {}).items() if isinstance(empty, list)]
        self._lists = dict(enumerate(lists[:8]))
        self._filled = bytearray()

    def __enter__(self) -> RowStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._spool.close()

    def __len__(self) -> int:
        return len(self._spool)

    def add(self, number: int, row: Row, raw: Raw, text: bytes) -> None:
        """The next row of an input, and what will be written for it."""
        split = self._split
        self._spool.add(text)
        self.order.add(row, stratum_of(row, split.stratify) if split else "")
        self.sizes[number] += 1
        self._from.append(self._sources.setdefault(row.source, len(self._sources)))
        line, item = row.at if isinstance(row.at, tuple) else (row.at, 0)
        self._lines.append(line)
        self._items.append(item)
        if split is not None and split.group is None:
            self._asked.append(digest(0, request(row)))
        if self._lists:
            self._filled.append(sum(1 << n for n, name in self._lists.items() if raw.get(name)))

    def texts(self, part: Sequence[int]) -> Iterator[bytes]:
        """The texts of a file in order, but for the first rows: readers that take a column's type
        from the head of a file must see something in every list."""
        return self._spool.pick(self._typed_first(part) if self._lists else part)

    def _typed_first(self, part: Sequence[int]) -> Iterator[int]:
        heads: list[int] = []
        for bit in self._lists:
            if not any(self._filled[part[at]] >> bit & 1 for at in heads):
                head = (at for at, row in enumerate(part) if self._filled[row] >> bit & 1)
                heads += [at for at in [next(head, -1)] if at >= 0]
        yield from (part[at] for at in heads)
        yield from (row for at, row in enumerate(part) if at not in heads)

    def count_draw(self, chosen: Sequence[int], accounts: Sequence[Account]) -> None:
        """A row that is drawn again counts as read again; one that is not drawn is left out."""
        times = array("I", bytes(4 * len(self)))
        for index in chosen:
            times[index] += 1
        self.leave_out(
            (index for index, count in enumerate(times) if not count),
            "not drawn (down-sampling)",
            accounts,
        )
        for index, count in enumerate(times):
            if count > 1:
                account = accounts[self.input_of(index)]
                account.read += count - 1
                account.note("rows drawn again (up-sampling)", count - 1)

    def leave_out(self, rows: Iterable[int], reason: str, accounts: Sequence[Account]) -> None:
        """Account for rows that come into no file; they are named by their place."""
        sources = list(self._sources)
        for index in rows:
            source = sources[self._from[index]]
            line, item = self._lines[index], self._items[index]
            place = source.place((line, item) if item else line)
            account = accounts[self.input_of(index)]
            account.reject(Reject(reason), file=source.file, place=place, asked=True)

    def count_written(self, part: Iterable[int], accounts: Sequence[Account]) -> tuple[int, ...]:
        """These rows are written; how many they are of each input."""
        rows = [0] * len(accounts)
        for index in part:
            rows[self.input_of(index)] += 1
        for account, count in zip(accounts, rows, strict=True):
            account.written += count
        return tuple(rows)

    def note_straddling(self, parts: Sequence[Sequence[int]], account: Account) -> None:
        """Note how many requests have rows on both sides of a plain split."""
        if not self._asked or len(parts) < 2:
            return
        asked = {self._asked[index] for index in parts[1]}
        both = len(asked.intersection(self._asked[index] for index in parts[0]))
        if both:
            account.note(BOTH_SIDES, both)

    def input_of(self, index: int) -> int:
        for number, size in enumerate(self.sizes):
            if index < size:
                return number
            index -= size
        raise IndexError(index)
