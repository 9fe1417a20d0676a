"""`look`: what is in this file? Rows, turns, lengths, languages, duplicates, samples."""

from __future__ import annotations

import importlib
import random
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from data_tools.account import Account
from data_tools.containers.files import expand, look_into
from data_tools.containers.reading import Paths, read
from data_tools.errors import DataError, UsageFault
from data_tools.operations.ordering import content, digest, request
from data_tools.rows import Row

SAMPLES = 3
CountTokens = Callable[[str], int]


@dataclass
class Lengths:
    """How long things are; exact, from counts by length."""

    counts: Counter[int] = field(default_factory=Counter)

    def add(self, length: int) -> None:
        self.counts[length] += 1

    def quantile(self, share: float) -> int:
        """The length that this share of the rows does not exceed."""
        left = share * sum(self.counts.values())
        for length in sorted(self.counts):
            left -= self.counts[length]
            if left <= 0:
                return length
        return max(self.counts, default=0)

    def to_dict(self) -> dict[str, float]:
        rows = sum(self.counts.values())
        total = sum(length * count for length, count in self.counts.items())
        return {
            "min": min(self.counts, default=0),
            "median": self.quantile(0.5),
            "mean": round(total / rows, 1) if rows else 0,
            "p95": self.quantile(0.95),
            "max": max(self.counts, default=0),
            "total": total,
        }

    def histogram(self, bins: int = 10) -> list[tuple[int, int, int]]:
        """(from, to, rows) of equal steps up to the 99th percentile; the last one is open."""
        top = max(self.quantile(0.99), 1)
        step = max(1, -(-top // bins))
        found = Counter(min(length // step, bins - 1) for length in self.counts.elements())
        last = max(self.counts, default=0)
        return [
            (i * step, last if i == bins - 1 else (i + 1) * step - 1, found[i])
            for i in range(bins)
            if i * step <= last
        ]


@dataclass
class Look:
    """What `look` found; see `to_dict`."""

    account: Account
    files: list[dict[str, Any]] = field(default_factory=list)
    formats: Counter[str] = field(default_factory=Counter)
    turns: Counter[int] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    chars: Lengths = field(default_factory=Lengths)
    tokens: Lengths | None = None
    systems: int = 0
    duplicate_rows: int = 0
    duplicate_requests: int = 0
    samples: list[Row] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(self.formats.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "files": self.files,
            "rows": self.rows,
            "rejected": self.account.rejected,
            "rejects": dict(self.account.rejects),
            "formats": dict(self.formats),
            "turns": {str(k): v for k, v in sorted(self.turns.items())},
            "roles": dict(self.roles),
            "with_system": self.systems,
            "languages": dict(self.languages),
            "chars": self.chars.to_dict(),
            "tokens": self.tokens.to_dict() if self.tokens else None,
            "duplicate_rows": self.duplicate_rows,
            "duplicate_requests": self.duplicate_requests,
            "samples": [{"where": row.where, **row} for row in self.samples],
            "notes": dict(self.account.notes),
        }


def look(
    path: Paths, *, tokenizer: str | Path | None = None, seed: int = 0, **reading: Any
) -> Look:
    """Look into files of any known format; the keyword arguments are those of `read`.

    Args:
        tokenizer: a folder with tokenizer.json or tokenizer.model (or the file): lengths in
            tokens as well. Needs the package tokenizers, or sentencepiece.
    """
    account = reading.pop("account", None) or Account()
    count = token_counter(tokenizer) if tokenizer is not None else None
    found = Look(account, tokens=Lengths() if count else None)
    for file in expand(path):
        table, text = bool(reading.get("columns")), reading.get("format") == "text"
        kind = look_into(file, reading.get("encoding"), table=table, text=text)
        size = file.stat().st_size
        shown = {"path": str(file), "bytes": size, "container": kind.container}
        found.files.append({**shown, "gzip": kind.gzipped, "encoding": kind.encoding})
    rows, requests = array("Q"), array("Q")
    pick = random.Random(seed)
    for number, row in enumerate(read(path, account=account, **reading)):
        _count(found, row, count)
        rows.append(digest(0, content({k: v for k, v in row.items() if k != "id"})))
        requests.append(digest(0, request(row)))
        if number < SAMPLES:
            found.samples.append(row)
        elif (place := pick.randrange(number + 1)) < SAMPLES:
            found.samples[place] = row
    found.duplicate_rows = _repeats(rows)
    found.duplicate_requests = _repeats(requests)
    return found


def _repeats(marks: array[int]) -> int:
    """How many came before."""
    ordered = sorted(marks)
    return sum(a == b for a, b in pairwise(ordered))


def _count(found: Look, row: Row, count: CountTokens | None) -> None:
    found.formats[row.source.format] += 1
    roles = [m["role"] for m in row["messages"]]
    found.roles.update(roles)
    found.turns[roles.count("assistant")] += 1
    found.systems += "system" in roles
    said = [m["content"] for m in row["messages"] if isinstance(m.get("content"), str)]
    found.chars.add(sum(map(len, said)))
    found.languages[language("".join(said))] += 1
    if count is not None and found.tokens is not None:
        found.tokens.add(sum(map(count, said)))


def language(text: str) -> str:
    """A guess by the letters: zh, ja, ko, ru, ar, en (any Latin), mixed (zh and en) or other."""
    kinds: Counter[str] = Counter()
    for char in text[:2000]:
        if "a" <= char <= "z" or "A" <= char <= "Z" or "\u00c0" <= char <= "\u024f":
            kinds["en"] += 1
        elif "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf":
            kinds["zh"] += 1
        elif "\u3040" <= char <= "\u30ff":
            kinds["ja"] += 1
        elif "\uac00" <= char <= "\ud7af":
            kinds["ko"] += 1
        elif "\u0400" <= char <= "\u04ff":
            kinds["ru"] += 1
        elif "\u0600" <= char <= "\u06ff":
            kinds["ar"] += 1
    total = sum(kinds.values())
    if not total:
        return "other"
    if kinds["ja"] * 10 > total:
        return "ja"
    words = kinds["en"] / 4  # four Latin letters weigh about as much as one Chinese character
    if kinds["zh"] and words and 0.25 < kinds["zh"] / words < 4:
        return "mixed"
    kinds["en"] = round(words) or kinds["en"]
    return kinds.most_common(1)[0][0]


def token_counter(path: str | Path) -> CountTokens:
    """A function that counts tokens, from a tokenizer on disk."""
    place = Path(path)
    for name in ("tokenizer.json", "tokenizer.model") if place.is_dir() else (place.name,):
        file = place / name if place.is_dir() else place
        if file.is_file():
            return _sentencepiece(file) if name.endswith(".model") else _fast(file)
    why = "it has no tokenizer.json and no tokenizer.model"
    raise UsageFault("There is no tokenizer here", str(path), why, "give the model's folder")


def _fast(file: Path) -> CountTokens:
    tokenizer = _package("tokenizers").Tokenizer.from_file(str(file))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _sentencepiece(file: Path) -> CountTokens:
    tokenizer = _package("sentencepiece").SentencePieceProcessor(model_file=str(file))
    return lambda text: len(tokenizer.encode(text))


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(
            f"Lengths in tokens need the package {name}",
            why="it is not installed",
            fix=f"pip install {name}, or look without --tokenizer",
        ) from error
