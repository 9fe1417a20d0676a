"""The one row that all formats are read into and written from.

A `Row` is a plain dict with `messages` and perhaps more keys:

- `messages`: a list of dicts, each with `role` and `content`. Roles: `system`, `user`,
  `assistant`, `call` (the assistant calls a tool: `name`, `arguments`, perhaps `id`) and
  `observation` (what the tool gave back: `content` may be any JSON value). A message may also
  carry `loss` (bool: does it count for training; absent means the engine's default), `weight` (a
  number that is neither 0 nor 1), `name`, `reasoning_content`, and in `extra` every field that the
  format does not name.
- `rejected`: the other answer of a preference pair, a list of messages; the chosen one stands at
  the end of `messages`
- `kto_tag`: bool, whether the answer is a wanted one
- `tools`: what tools there are, as the source had them (any JSON value)
- `images`, `videos`, `audios`: lists of paths; `MARKS` in the texts are the places of each
- `id`: the source's own identifier
- `input`: for alpaca rows, the part of the last user message that stood in the `input` field
- `extra`: every other field of the source
- `raw`: the source's own object, for rows that may be written as they were

`source` and `at` say where the row came from, for messages about it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]
At = int | tuple[int, int]
"""A line or a row, from 1; for an item of a JSON array its line and its number."""

MARKS = {kind: f"\x00{kind}\x00" for kind in ("images", "videos", "audios")}
"""The place of an image, video or audio in a text. No text that is read holds a NUL character, so
no text can be taken for a mark."""
DEPTH = 100
"""How deep the values of a row may be nested; the JSON writer ends at 254."""
_PLAIN = frozenset({str, bool, type(None)})
_TALK = frozenset({"system", "user", "assistant"})


@dataclass(frozen=True)
class Source:
    """A file, or one sheet of a workbook, and how places in it are counted."""

    file: str
    unit: str = "line"  # line, or row (of a sheet, of a Parquet file)
    sheet: str | None = None
    format: str = ""

    def place(self, at: At) -> dict[str, Any]:
        """The place as it stands in the file of rejected rows."""
        sheet = {"sheet": self.sheet} if self.sheet is not None else {}
        if isinstance(at, tuple):
            return {**sheet, "line": at[0], "item": at[1]}
        return {**sheet, "line": at} if at else dict(sheet)

    def where(self, at: At) -> str:
        """The place in words: 'a.jsonl:12', 'a.json:1, item 7', 'book.xlsx, sheet Q, row 5'."""
        if isinstance(at, tuple):
            return f"{self.file}:{at[0]}, item {at[1]}"
        if self.sheet is not None:
            return f"{self.file}, sheet {self.sheet}, {self.unit} {at}"
        return f"{self.file}:{at}" if self.unit == "line" else f"{self.file}, {self.unit} {at}"


NOWHERE = Source("(rows in memory)", "row")


class Row(dict[str, Any]):
    """One training example; see the module's text for its keys."""

    __slots__ = ("at", "source")

    def __init__(self, *args: Any, source: Source = NOWHERE, at: At = 0, **keys: Any) -> None:
        super().__init__(*args, **keys)
        self.source = source
        self.at = at

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (dict(self), self.source, self.at))

    @property
    def messages(self) -> list[Message]:
        """All messages in order."""
        messages: list[Message] = self["messages"]
        return messages

    @property
    def answers(self) -> list[Message]:
        """Every message that a text can be read from: the messages and the rejected answer."""
        return [*self["messages"], *self.get("rejected", ())]

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

    def changed(self, **keys: Any) -> Row:
        """A copy with other keys; it is no longer what `raw` holds."""
        copy = Row(self, source=self.source, at=self.at)
        copy.pop("raw", None)
        copy.update(keys)
        return copy


def is_plain(row: Row) -> bool:
    """Nothing but roles and texts, as in most rows?"""
    if len(row) != 1 and (len(row) != 2 or "input" not in row):
        return False
    for message in row["messages"]:
        if len(message) != 2 or message["role"] not in _TALK:
            return False
    return True


def _rebuild(keys: dict[str, Any], source: Source, at: At) -> Row:
    return Row(keys, source=source, at=at)


def with_system(row: Row, text: str) -> Row:
    """A copy of the row whose only system message is `text`, at the front."""
    messages = [{"role": "system", "content": text}]
    messages += [m for m in row["messages"] if m["role"] != "system"]
    return row.changed(messages=messages)


def shown(text: str) -> str:
    """A text for a reader, with `<image>` in the place of a mark."""
    if "\x00" in text:
        for kind, mark in MARKS.items():
            text = text.replace(mark, f"<{kind[:-1]}>")
    return text


def readable(row: Row) -> dict[str, Any]:
    """The row for a reader: the source's own object when it is known, else without hidden marks."""
    if "raw" in row:
        raw: dict[str, Any] = row["raw"]
        return raw
    keys = dict(row)
    for name in ("messages", "rejected"):
        if name in keys:
            keys[name] = [_readable(message) for message in keys[name]]
    return keys


def _readable(message: Message) -> Message:
    content = message.get("content")
    return {**message, "content": shown(content)} if isinstance(content, str) else message


def unfit(value: Any, depth: int = 0) -> str:
    """Why a value cannot be written as it was read, or an empty string.

    JSON numbers beyond 64 bits come out of the parser as floats, and what is nested too deeply
    cannot be written: such rows are refused before anything changes.
    """
    kind = type(value)
    if kind in _PLAIN:
        return ""
    if kind is float:
        whole = math.isfinite(value) and abs(value) >= 2**63 and value.is_integer()
        if whole:
            return "a number beyond 64 bits: write it as text"
        return "" if math.isfinite(value) else "a number that JSON does not have"
    if kind is int:
        return "" if -(2**63) <= value < 2**64 else "a number beyond 64 bits: write it as text"
    if depth > DEPTH:
        return f"nested more than {DEPTH} levels deep"
    if kind is dict:
        return next((why for item in value.values() if (why := unfit(item, depth + 1))), "")
    if kind is list:
        return next((why for item in value if (why := unfit(item, depth + 1))), "")
    return f"a value of type {kind.__name__}, which JSON does not have"
