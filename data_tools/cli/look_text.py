"""`look`'s report as lines of text, with a histogram."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from data_tools.operations.looking import Lengths, Look
from data_tools.rows import Row

BAR = 40
CUT = 160


def lines(found: Look) -> Iterator[str]:
    """The report, line by line."""
    for file in found.files:
        packed = ", gzip" if file["gzip"] else ""
        encoding = f", {file['encoding']}" if file["encoding"] else ""
        yield f"{file['path']}: {file['bytes']:,} bytes, {file['container']}{packed}{encoding}"
    yield f"rows        {found.rows:,} usable, {found.account.rejected:,} not"
    yield from _rejects(found)
    yield f"formats     {_counts(found.formats.most_common())}"
    yield f"turns       {_counts(sorted(found.turns.items()))}"
    yield f"roles       {_counts(found.roles.most_common())}"
    yield f"system      {found.systems:,} rows have a system text"
    yield f"languages   {_counts(found.languages.most_common())}"
    yield f"duplicates  {found.duplicate_rows:,} rows, {found.duplicate_requests:,} questions"
    yield from _lengths("characters", found.chars)
    if found.tokens is not None:
        yield from _lengths("tokens", found.tokens)
    for text in found.account.notes:
        yield f"note: {text}"
    for row in found.samples:
        yield from _sample(row)


def _counts(items: Iterable[tuple[Any, int]]) -> str:
    found = list(items)
    shown = ", ".join(f"{name}: {count:,}" for name, count in found[:12])
    return shown + (f", … ({len(found)} kinds)" if len(found) > 12 else "")


def _rejects(found: Look) -> Iterator[str]:
    for reason, count in found.account.rejects.most_common():
        yield f"  {reason}: {count:,}"
    for example in found.account.examples:
        yield f"    {example}"


def _lengths(what: str, lengths: Lengths) -> Iterator[str]:
    shown = lengths.to_dict()
    order = ("min", "median", "mean", "p95", "max", "total")
    yield f"{what:<11} " + ", ".join(f"{name} {shown[name]:,}" for name in order)
    bins = lengths.histogram()
    most = max((count for _, _, count in bins), default=0) or 1
    for start, end, count in bins:
        bar = "█" * round(BAR * count / most) or ("▏" if count else "")
        yield f"  {start:>8,}-{end:<8,} {count:>9,} {bar}"


def _sample(row: Row) -> Iterator[str]:
    yield f"sample {row.where}"
    for message in row["messages"][:6]:
        text = " ".join(str(message.get("content", message.get("name", ""))).split())
        cut = text[:CUT] + ("…" if len(text) > CUT else "")
        yield f"  {message['role']}: {cut}"
    if len(row["messages"]) > 6:
        yield f"  … {len(row['messages']) - 6} more"
