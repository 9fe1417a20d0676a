"""The row account: read = written + rejected, with a reason for every row that is not written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from data_tools.errors import DataError, Reject, UsageFault

EXAMPLES = 5  # how many rejected rows the summary shows with their place


class TooManyRejects(DataError):
    """More rows (`faults`) are unusable than the caller accepts."""

    faults = 0


@dataclass
class Account:
    """Counts the rows of one operation.

    `rejects` counts rejected rows by reason. `faults` are those of them that are damaged or
    unusable; the others were left out because the caller asked for it (duplicates, not sampled,
    outside the length limits). Only faults count for `strict` and `max_rejects`.
    `dropped` counts what was taken out of rows that were kept (tools, images, loss flags, …).
    """

    read: int = 0
    written: int = 0
    rejected: int = 0
    faults: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    strict: bool = False
    max_rejects: str | int | None = None
    sink: Callable[[dict[str, Any]], None] | None = None
    tick: Callable[[int], None] | None = None  # called now and then with the rows read so far

    def reject(
        self,
        reject: Reject,
        *,
        file: str = "",
        place: dict[str, Any] | None = None,
        row: Any = None,
        asked: bool = False,
    ) -> None:
        """Set one row aside. Raises DataError when the limits of this run are passed."""
        place = place or {}
        self.rejected += 1
        self.rejects[reject.reason] += 1
        where = _where(file, place)
        if len(self.examples) < EXAMPLES and (reject.spot or not asked):
            self.examples.append(f"{where}: {reject}" if where else str(reject))
        if self.sink is not None:
            name = "cell" if "sheet" in place else "at"
            at = {name: reject.spot} if reject.spot else {}
            self.sink({"file": file, **place, "reason": reject.reason, **at, "row": row})
        if not asked:
            self.faults += 1
            if self.strict:
                raise DataError(
                    f"A row was rejected: {reject}",
                    where,
                    "strict: the first rejected row ends the operation",
                    "correct the row, or run without --strict: such rows are set aside",
                )

    def check(self, *, some: str = "") -> None:
        """Assert read = written + rejected, and hold the limit for rejected rows.

        `some`: a file that must not become empty: DataError when no row is left for it.
        """
        if self.read != self.written + self.rejected:
            raise AssertionError(
                f"row account does not add up: read {self.read}, written {self.written}, "
                f"rejected {self.rejected}"
            )
        self.hold_limit()
        if some and not self.written:
            none = "the input holds no rows"
            why = "every row was rejected:\n" + self.summary() if self.read else none
            raise DataError(
                "There are no rows to write", some, why, "correct the rows or the options"
            )

    def hold_limit(self) -> None:
        """Raise TooManyRejects when more rows are unusable than `max_rejects` allows, now that all
        are read: then every fault is known."""
        limit = limit_of(self.max_rejects)
        if limit is None:
            return
        allowed = limit * self.read if isinstance(limit, float) else limit
        if self.faults > allowed:
            error = TooManyRejects(
                f"Too many rows were rejected: {self.faults} of {self.read} rows cannot be used, "
                f"at most {self.max_rejects} may be left out",
                "\n         ".join(self.examples),
                "a row that cannot be used is never left out without being asked\n"
                + self.summary(),
                "correct these rows, or raise --max-rejects",
            )
            error.faults = self.faults
            raise error

    def drop(self, what: str, count: int = 1) -> None:
        """Count something that was left out of a row that is kept."""
        self.dropped[what] += count

    def note(self, text: str, count: int = 1) -> None:
        """Count something worth knowing that changed no row."""
        self.notes[text] += count

    def add(self, other: Account) -> None:
        """Add the counts of another account (another file, another process)."""
        self.read += other.read
        self.written += other.written
        self.rejected += other.rejected
        self.faults += other.faults
        self.rejects.update(other.rejects)
        self.dropped.update(other.dropped)
        self.notes.update(other.notes)
        self.examples = (self.examples + other.examples)[:EXAMPLES]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "read": self.read,
            "written": self.written,
            "rejected": self.rejected,
            "faults": self.faults,
            "rejects": dict(self.rejects),
            "dropped": dict(self.dropped),
            "notes": dict(self.notes),
        }

    def summary(self) -> str:
        """A small table in plain text."""
        lines = [_line("rows read", self.read), _line("rows written", self.written)]
        lines.append(_line("rows rejected", self.rejected))
        lines += [_line(f"  {reason}", n) for reason, n in self.rejects.most_common()]
        lines += [_line(f"dropped from kept rows: {what}", n) for what, n in self.dropped.items()]
        lines += [_line(f"note: {text}", n) for text, n in self.notes.items()]
        if self.examples:
            lines += ["first rejected:", *(f"  {example}" for example in self.examples)]
        return "\n".join(lines)

    def __str__(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False)


def _where(file: str, place: dict[str, Any]) -> str:
    """The place in words: 'book.xlsx sheet Q row 3', 'rows.jsonl line 12'."""
    line = "row" if "sheet" in place else "line"
    words = (f"{line if key == 'line' else key} {value}" for key, value in place.items())
    return " ".join([file, *words]).strip()


def limit_of(text: str | int | None) -> int | float | None:
    """'20' → 20 rows, '5%' → the share 0.05."""
    if text is None or isinstance(text, int):
        return text
    try:
        limit = float(text[:-1]) / 100 if text.endswith("%") else int(text)
    except ValueError:
        limit = -1
    if not limit >= 0:
        raise UsageFault(
            f"{text!r} is no limit for rejected rows", "max_rejects", fix="for example 20, or 5%"
        )
    return limit


def _line(label: str, count: int) -> str:
    return f"{label:<60} {count:>12,}"
