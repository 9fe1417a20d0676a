"""A JSON text as a stream of rows: an array, an object round arrays, objects one after another."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import orjson

from data_tools.containers.encodings import HEAD
from data_tools.containers.jsonio import Bad, explain, parse, shown
from data_tools.errors import DataError, Reject

CHUNK = 1 << 20
MAX_ITEM = 1 << 28
_TOKEN = re.compile(rb'(?:[^{}\[\]"]+|"[^"\\]{0,4096}"){1,256}|[{}\[\]"]')
_IN_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,\[\]{}\"]+")
_SPACE = re.compile(rb"[ \t\r\n]*")
_WHITE = re.compile(r"[ \t\r\n]*")
_JOINT = re.compile(rb'[ \t\r\n]*,[ \t\r\n]*\{[ \t\r\n]*"[^"\\]{0,64}"')
_WINDOW = 1 << 16  # a repeated group keeps a record of each turn, so it sees a part at a time
ROW_KEYS = {
    *("conversation", "conversations", "messages", "history", "image", "images", "tools"),
    *("instruction", "input", "output", "prompt", "response", "query", "text", "content"),
    *("chosen", "rejected", "functions", "videos", "audios", "objects"),
}
"""Keys of a row. An object that begins with one of these is a row, whatever lists it holds."""


def wraps_rows(head: str) -> bool:
    """Does a text begin like an object round arrays of rows: {"version": 1, "data": [{…?

    `head`: the first `HEAD` bytes of the file. Values before the first such array are stepped over.
    """
    decoder = json.JSONDecoder()
    at = _white(head, 0)
    mark = "{"
    while head[at : at + 1] == mark:
        try:
            key, at = decoder.raw_decode(head, _white(head, at + 1))
            at = _white(head, at)
            if not isinstance(key, str) or key in ROW_KEYS or head[at : at + 1] != ":":
                return False
            at = _white(head, at + 1)
            if head[at : at + 1] == "[" and head[_white(head, at + 1) :][:1] in ("{", "["):
                return True
            _, at = decoder.raw_decode(head, at)
        except (ValueError, RecursionError):
            return False
        at = _white(head, at)
        mark = ","
    return False


def _white(text: str, at: int) -> int:
    match = _WHITE.match(text, at)
    return match.end() if match else at


class _Scanner:
    """Walks over a JSON text chunk by chunk and cuts out whole items."""

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self.stream = stream
        self.where = where
        self.buffer = b""
        self.at = 0
        self.line = 1  # line of self.at
        self.items = 0
        self.joint = b""  # what stood between the last two items: '},{"conversation"'

    def more(self) -> bool:
        """Read on; the part before `at` is forgotten. False at the end."""
        chunk = self.stream.read(max(CHUNK, len(self.buffer) - self.at))
        self.buffer = self.buffer[self.at :] + chunk
        self.at = 0
        return bool(chunk)

    def peek(self) -> bytes:
        """The next byte that is not white space, b"" at the end."""
        while True:
            match = _SPACE.match(self.buffer, self.at)
            end = match.end() if match else self.at
            self.line += self.buffer.count(b"\n", self.at, end)
            self.at = end
            if end < len(self.buffer):
                return self.buffer[end : end + 1]
            if not self.more():
                return b""

    def holds_rows(self) -> bool:
        """Does the array at `at` hold objects or arrays?"""
        while True:
            match = _SPACE.match(self.buffer, self.at + 1)
            end = match.end() if match else self.at + 1
            if end < len(self.buffer) or not self.more():
                return self.buffer[end : end + 1] in (b"[", b"{")

    def fail(self, what: str, why: str) -> DataError:
        place = f"{self.where}, line {self.line}, item {self.items + 1}"
        return DataError(what, place, why, "correct the file there, or make it again")

    def truncated(self, why: str = "the file looks truncated") -> DataError:
        return self.fail("The JSON ends too early", why)

    def item(self) -> bytes:
        """The next item, which begins at `at`, as it stands."""
        first = self.buffer[self.at : self.at + 1]
        if first == b'"':
            return self._cut(self._string_end(self.at + 1))
        if first not in (b"{", b"["):
            return self._scalar()
        depth = 0
        offset = self.at
        while True:
            for match in _TOKEN.finditer(self.buffer, offset):
                token = match.group()
                offset = match.end()
                if token in (b"{", b"["):
                    depth += 1
                elif token in (b"}", b"]"):
                    depth -= 1
                    if not depth:
                        return self._cut(offset)
                elif token == b'"':  # a long text, or one with escapes
                    offset = self._string_end(offset)
                    break
            else:
                offset = self._grow(len(self.buffer))

    def _string_end(self, offset: int) -> int:
        """The place behind the quotation mark that ends the text which `offset` is in."""
        while True:
            end = min(offset + _WINDOW, len(self.buffer))
            match = _IN_STRING.match(self.buffer, offset, end)
            offset = match.end() if match else offset
            if self.buffer[offset : offset + 1] == b'"':
                return offset + 1
            if len(self.buffer) - offset < 2:  # the end, or a backslash before it
                offset = self._grow(offset)

    def _grow(self, offset: int) -> int:
        """Read on; the offset in the new buffer. DataError where the item does not end."""
        offset -= self.at
        if len(self.buffer) - self.at > MAX_ITEM:
            raise self.fail("One item is too long", f"it has more than {MAX_ITEM >> 20} MiB")
        if not self.more():
            raise self._unended()
        return offset

    def _scalar(self) -> bytes:
        offset = self.at
        while True:
            match = _SCALAR.match(self.buffer, offset)
            offset = match.end() if match else offset
            if offset < len(self.buffer):
                if offset > self.at:
                    return self._cut(offset)
                raise self.fail("The JSON is damaged", "something else than a value stands here")
            offset = self._grow(offset)

    def _cut(self, end: int) -> bytes:
        found = self.buffer[self.at : end]
        self.at = end
        return found

    def _unended(self) -> DataError:
        text = self.buffer[self.at :]
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as error:
            if "end of data" not in str(error) and error.pos < len(text.rstrip()):
                self.line += max(0, error.lineno - 1)
                return self.fail("The JSON is damaged", str(explain(text, error)))
        return self.truncated()


def read_json(
    stream: BinaryIO, where: str, bad: Bad, aside: Callable[[str], None]
) -> Iterator[tuple[int, Any]]:
    """(line number, value) of each item of a JSON array, read as a stream.

    Also reads an object round arrays of rows ({"version": 1, "data": [...]}), one object over
    several lines, and objects one after another. `aside` is called with each key of the object
    round the arrays whose value is no array of rows.
    """
    scan = _Scanner(stream, where)
    first = scan.peek()
    if first == b"[":
        scan.at += 1
        yield from _array(scan, bad)
    elif first == b"{" and wraps_rows(scan.buffer[scan.at :][:HEAD].decode("utf-8", "ignore")):
        scan.at += 1
        yield from _envelope(scan, bad, aside)
    else:
        yield from _objects(scan, bad)
        return
    if scan.peek():
        rest = shown(scan.buffer[scan.at : scan.at + 40])
        raise scan.fail("Something follows the end of the JSON rows", rest)


def _envelope(scan: _Scanner, bad: Bad, aside: Callable[[str], None]) -> Iterator[tuple[int, Any]]:
    """The items of every array of rows in an object whose opening brace is behind us."""
    while True:
        if scan.peek() != b'"':
            raise scan.fail("The JSON is damaged", "a key belongs here")
        key = parse(scan.item())
        if scan.peek() != b":":
            raise scan.fail("The JSON is damaged", f": belongs after the key {key!r}")
        scan.at += 1
        if scan.peek() == b"[" and scan.holds_rows():
            scan.at += 1
            yield from _array(scan, bad)
        else:
            scan.line += scan.item().count(b"\n")
            aside(key)
        mark = scan.peek()
        scan.at += 1
        if mark == b"}":
            return
        if mark != b",":
            raise _not_next(scan, mark, "}")


def _not_next(scan: _Scanner, mark: bytes, closing: str) -> DataError:
    if not mark:
        return scan.truncated(f"the file looks truncated: no closing {closing}")
    why = f"{mark.decode('utf-8', 'replace')!r} where , or {closing} belongs"
    return scan.fail("The JSON is damaged", why)


def _array(scan: _Scanner, bad: Bad) -> Iterator[tuple[int, Any]]:
    if scan.peek() == b"]":
        scan.at += 1
        return
    while True:
        mark = scan.peek()
        if mark in (b",", b"]", b"}"):
            raise scan.fail("The JSON is damaged", f"{mark.decode()!r} where an item belongs")
        if not mark:
            raise _not_next(scan, mark, "]")
        yield from _value(scan, bad)
        mark = scan.peek()
        if mark not in (b",", b"]"):
            raise _not_next(scan, mark, "]")
        scan.at += 1
        if mark == b"]":
            return


def _objects(scan: _Scanner, bad: Bad) -> Iterator[tuple[int, Any]]:
    while scan.peek():
        if scan.peek() == b",":
            scan.at += 1
            continue
        yield from _value(scan, bad)


def _guessed(scan: _Scanner) -> tuple[bytes, Any] | None:
    """The next item, cut at the next joint like the last one, if that is a whole JSON value.

    A JSON object is never the beginning of another one, so a cut that parses is the right cut.
    """
    end = scan.buffer.find(scan.joint, scan.at) + 1 if scan.joint else 0
    if not end:
        return None
    text = scan.buffer[scan.at : end]
    try:
        value = parse(text)
    except Reject:
        return None
    scan.at = end
    return text, value


def _value(scan: _Scanner, bad: Bad) -> Iterator[tuple[int, Any]]:
    line = scan.line
    guess = _guessed(scan)
    if guess is not None:
        text = guess[0]
        yield line, guess[1]
    else:
        text = scan.item()
        joint = _JOINT.match(scan.buffer, scan.at)
        scan.joint = b"}" + joint.group() if joint and text.endswith(b"}") else scan.joint
        try:
            value = parse(text)
        except Reject as verdict:
            inside = getattr(verdict.__cause__, "lineno", 1) - 1
            bad(line + max(0, inside), verdict, shown(text))
        else:
            yield line, value
    scan.items += 1
    scan.line = line + text.count(b"\n")
