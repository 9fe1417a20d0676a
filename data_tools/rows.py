"""The one row that all formats are read into and written from.

A `Row` is a plain dict with two or more of these keys:

- `messages`: a list of dicts, each with `role` and `content`. Roles: `system`, `user`,
  `assistant`, `call` (the assistant calls a tool: `name`, `arguments`, perhaps `id`) and
  `observation` (what the tool gave back: `content` may be any JSON value). A message may carry
  `loss` (bool: does it count for training; absent means the engine's default).
- `tools`: what tools there are, as the source had them (any JSON value)
- `images`: a list of paths; `<ImageHere>` in the text marks the place of each
- `id`: the source's own identifier
- `input`: for alpaca rows, the part of the last user message that stood in the `input` field

`source` and `at` say where the row came from, for messages about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

IMAGE = "<ImageHere>"
Message = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A file, or one sheet of a workbook, and how places in it are counted."""

    file: str
    unit: str = "line"  # line, or row (of a sheet, of a Parquet file)
    sheet: str | None = None
    format: str = ""

    def place(self, at: int) -> dict[str, Any]:
        """The place as it stands in rejected.jsonl."""
        sheet = {"sheet": self.sheet} if self.sheet is not None else {}
        return {**sheet, "line": at} if at else dict(sheet)

    def where(self, at: int) -> str:
        """The place in words: 'rows.jsonl:12' or 'book.xlsx, sheet Q, row 5'."""
        if self.sheet is not None:
            return f"{self.file}, sheet {self.sheet}, {self.unit} {at}"
        return f"{self.file}:{at}" if self.unit == "line" else f"{self.file}, {self.unit} {at}"


NOWHERE = Source("(rows in memory)", "row")


class Row(dict[str, Any]):
    """One training example; see the module's text for its keys."""

    __slots__ = ("at", "source")

    def __init__(self, *args: Any, source: Source = NOWHERE, at: int = 0, **keys: Any) -> None:
        super().__init__(*args, **keys)
        self.source = source
        self.at = at

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (dict(self), self.source, self.at))

    @property
    def messages(self) -> list[Message]:
        """All messages in order."""
        found: list[Message] = self["messages"]
        return found

    @property
    def system(self) -> str | None:
        """The first system message's text, or None."""
        return next((m["content"] for m in self.messages if m["role"] == "system"), None)

    @property
    def turns(self) -> list[tuple[str, str]]:
        """(user text, assistant text) of each turn; plain conversations only."""
        pairs: list[tuple[str, str]] = []
        asked = ""
        for message in self.messages:
            if message["role"] == "user":
                asked = message["content"]
            elif message["role"] == "assistant":
                pairs.append((asked, message["content"]))
                asked = ""
        return pairs

    @property
    def where(self) -> str:
        """Where the row came from, in words."""
        return self.source.where(self.at)


def _rebuild(keys: dict[str, Any], source: Source, at: int) -> Row:
    return Row(keys, source=source, at=at)


def with_system(row: Row, text: str) -> Row:
    """A copy of the row whose only system message is `text`, at the front."""
    rest = [m for m in row["messages"] if m["role"] != "system"]
    keys = {**row, "messages": [{"role": "system", "content": text}, *rest]}
    keys.pop("raw", None)
    return Row(keys, source=row.source, at=row.at)
