"""The two ways a data operation can say no.

`DataError` stops an operation and is meant for a person: what, where, why, and what to do next.
`Reject` sets one row aside; the operation goes on and the row account keeps the reason.
"""

from __future__ import annotations

from data_tools.language import say


class DataError(Exception):
    """An operation cannot go on. Nothing was written over an earlier result."""

    exit_code = 1

    def __init__(self, what: str, where: str = "", why: str = "", fix: str = "") -> None:
        super().__init__(what, where, why, fix)
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        labelled = (
            (say("where", "位置"), self.where),
            (say("why", "原因"), self.why),
            (say("next step", "下一步"), self.fix),
        )
        return "\n".join([self.what, *(f"  {name}: {text}" for name, text in labelled if text)])


class UsageFault(DataError):
    """The operation cannot begin as it was asked for: a missing file, an unknown name, a value."""

    exit_code = 2


class UnnamedColumns(UsageFault):
    """A table's headers are not known keys, so the caller has to say which column is what."""


class Reject(Exception):
    """One row cannot be used.

    `reason` is short and the same for all rows with the same fault (the account counts by it);
    `spot` is the place inside the row: a cell ("D5"), a turn ("turn 3"), a column.
    """

    def __init__(self, reason: str, spot: str = "") -> None:
        super().__init__(reason, spot)
        self.reason = reason
        self.spot = spot

    def __str__(self) -> str:
        return f"{self.spot}: {self.reason}" if self.spot else self.reason
