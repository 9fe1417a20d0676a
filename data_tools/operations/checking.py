"""`check`: everything that is wrong or odd in files, without writing anything."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from data_tools.account import Account
from data_tools.containers.reading import Paths, read
from data_tools.operations.ordering import request
from data_tools.rows import Row

SHOWN = 3


@dataclass
class CheckReport:
    """What `check` found. Faults cannot be used for training; warnings can, but look wrong."""

    account: Account
    formats: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """No faults?"""
        return self.account.read > 0 and not self.account.rejected

    def warn(self, what: str, where: str) -> None:
        """Count one warning; the first few keep their place."""
        self.warnings[what] += 1
        shown = self.places.setdefault(what, [])
        if len(shown) < SHOWN:
            shown.append(where)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "ok": self.ok,
            "rows": self.account.read,
            "usable": self.account.read - self.account.rejected,
            "faults": dict(self.account.rejects),
            "first_faults": self.account.examples,
            "formats": dict(self.formats),
            "warnings": dict(self.warnings),
            "places": self.places,
            "notes": dict(self.account.notes),
        }


def check(
    path: Paths, *, format: str = "auto", max_chars: int | None = None, **reading: Any
) -> CheckReport:
    """Check files of any known format; the keyword arguments are those of `read`.

    Warnings: empty texts, an odd order of turns, a row without an answer, repeated questions,
    fields that no engine reads, rows longer than `max_chars`.
    """
    account = reading.pop("account", None) or Account()
    report = CheckReport(account)
    seen: dict[bytes, str] = {}
    for row in read(path, format=format, account=account, **reading):
        report.formats[row.source.format] += 1
        for what in _oddities(row):
            report.warn(what, row.where)
        size = sum(len(str(m.get("content", ""))) for m in row["messages"])
        if max_chars is not None and size > max_chars:
            report.warn(f"longer than {max_chars} characters", row.where)
        mark = hashlib.blake2b(request(row), digest_size=16).digest()
        if mark in seen:
            report.warn("a question that came before", f"{row.where} (first {seen[mark]})")
        else:
            seen[mark] = row.where
    return report


def _oddities(row: Row) -> Iterator[str]:
    messages = row["messages"]
    for message in messages:
        content = message.get("content")
        if isinstance(content, str) and not content.strip():
            if message["role"] == "user" and row.source.format in ("conversation", "text"):
                continue  # pre-training rows have an empty question on purpose
            yield f"an empty {message['role']} text"
    yield from _order([m["role"] for m in messages])
    for name in row.get("extra", {}):
        yield f"a field that no engine reads: {name!r}"


def _order(roles: list[str]) -> Iterator[str]:
    if "assistant" not in roles and "call" not in roles:
        yield "a row without an answer"
        return
    spoken = [role for role in roles if role != "system"]
    if "system" in roles[1:]:
        yield "a system text that is not at the beginning"
    if spoken[-1] == "user":
        yield "a last question without an answer"
    if spoken[0] != "user" and len(spoken) > 1:
        yield "a conversation that does not begin with the user"
    for before, after in pairwise(spoken):
        if before == after and before in ("user", "assistant"):
            yield f"two {before} messages in a row"
            return
