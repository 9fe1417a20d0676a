"""JSON arrays and JSON lines as streams of objects, with the place of every fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import orjson

from data_tools.errors import DataError, Reject

Bad = Callable[[int, Reject, str], None]
"""Called with the line, the verdict and the text of an item that cannot be parsed."""

CHUNK = 1 << 20
MAX_ITEM = 1 << 28
CUT_OFF = "cut off: the file ends in the middle of this line"
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]"]', re.DOTALL)
_SCALAR = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,\[\]{}"]+', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_WRAPPED = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"(?P<key>[^"\\]*)"[ \t\r\n]*:[ \t\r\n]*\[')
_JOINT = re.compile(rb'[ \t\r\n]*,[ \t\r\n]*\{[ \t\r\n]*"[^"\\]{0,64}"')
_OPEN = re.compile(rb"[ \t\r\n]*[\[{]")
_NEXT_KEY = re.compile(rb'[ \t\r\n]*,[ \t\r\n]*"[^"\\]*"[ \t\r\n]*:[ \t\r\n]*\[')
_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
ROW_KEYS = {b"conversation", b"conversations", b"messages", b"history", b"image", b"tools"}


def wraps_lists(start: bytes) -> bool:
    """Does a text begin like an object that holds lists of rows: {"data": [{…?"""
    match = _WRAPPED.match(start)
    if match is None or match["key"] in ROW_KEYS:
        return False
    return _OPEN.match(start, match.end()) is not None


def read_lines(stream: BinaryIO, bad: Bad) -> Iterator[tuple[int, Any]]:
    """(line number, value) of each line that is not blank."""
    loads = orjson.loads
    number = 0
    for line in stream:
        number += 1
        try:
            value = loads(line)
        except orjson.JSONDecodeError as error:
            if line.strip():
                bad(number, explain(line, error, last=not line.endswith(b"\n")), _shown(line))
            continue
        if b"\\u0000" in line and has_nul(value):
            bad(number, Reject("a NUL character in a text"), _shown(line))
            continue
        yield number, value


def has_nul(value: Any) -> bool:
    """Is there a NUL character in any text of the value?"""
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(has_nul(item) for pair in value.items() for item in pair)
    return isinstance(value, list) and any(has_nul(item) for item in value)


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "replace").rstrip("\r\n")


def explain(text: bytes, error: Exception, last: bool = False) -> Reject:
    """Why this is not JSON, in words, with the column."""
    nul = text.find(b"\x00")
    if nul >= 0:
        return Reject("a NUL byte", f"column {nul + 1}")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as wrong:
        if last and wrong.end == len(text) and wrong.reason == "unexpected end of data":
            return Reject(CUT_OFF, f"byte {wrong.start + 1}")
        return Reject("not valid UTF-8", f"byte {wrong.start + 1}")
    lone = _SURROGATE.search(text)
    if lone and "surrogate" in str(error):
        return Reject("a lone surrogate (half of an emoji)", f"column {lone.end() - 5}")
    column = getattr(error, "colno", 0)
    if last and getattr(error, "pos", 0) >= len(text.rstrip()):
        return Reject(CUT_OFF, f"column {column}")
    why = getattr(error, "msg", str(error))
    return Reject(f"invalid JSON: {why.split(': line')[0]}", f"column {column}")


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
        """The next byte that is not white space, b'' at the end."""
        while True:
            end = _space_end(self.buffer, self.at)
            self.line += self.buffer.count(b"\n", self.at, end)
            self.at = end
            if end < len(self.buffer):
                return self.buffer[end : end + 1]
            if not self.more():
                return b""

    def fail(self, what: str, why: str) -> DataError:
        place = f"{self.where}, line {self.line}, item {self.items + 1}"
        return DataError(what, place, why, "mend the file there, or make it again")

    def item(self) -> bytes:
        """The next item, which begins at `at`, as it stands."""
        if self.buffer[self.at : self.at + 1] not in (b"{", b"["):
            return self._scalar()
        depth = 0
        offset = self.at
        while True:
            base = self.at
            for match in _TOKEN.finditer(self.buffer, offset):
                token = match.group()
                if token in (b"{", b"["):
                    depth += 1
                elif token in (b"}", b"]"):
                    depth -= 1
                    if not depth:
                        return self._cut(match.end())
                elif token == b'"':
                    offset = match.start()
                    break
                offset = match.end()
            offset -= base
            if len(self.buffer) - self.at > MAX_ITEM or not self.more():
                raise self._unended()

    def _scalar(self) -> bytes:
        while True:
            match = _SCALAR.match(self.buffer, self.at)
            if match and match.end() < len(self.buffer):
                return self._cut(match.end())
            if not self.more():
                raise self.fail("The JSON is damaged", "something else than a value stands here")

    def _cut(self, end: int) -> bytes:
        found = self.buffer[self.at : end]
        self.at = end
        return found

    def _unended(self) -> DataError:
        text = self.buffer[self.at :]
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as error:
            verdict = explain(text, error)
            self.line += max(0, getattr(error, "lineno", 1) - 1)
            if "end of data" in str(error) or getattr(error, "pos", 0) >= len(text.rstrip()):
                return self.fail("The JSON ends too early", "the file looks truncated")
            return self.fail("The JSON is damaged", str(verdict))
        return self.fail("The JSON ends too early", "the file looks truncated")


def _space_end(buffer: bytes, at: int) -> int:
    match = _SPACE.match(buffer, at)
    return match.end() if match else at


def read_json(stream: BinaryIO, where: str, bad: Bad) -> Iterator[tuple[int, Any]]:
    """(line number, value) of each item of a JSON array, read as a stream.

    Also reads an object that holds arrays of rows ({"data": [...]}), one object over several lines,
    and such objects one after another.
    """
    scan = _Scanner(stream, where)
    first = scan.peek()
    if first == b"[":
        scan.at += 1
        yield from _array(scan, bad)
    elif _enter_wrapped(scan):
        yield from _array(scan, bad)
        while _next_key(scan):
            yield from _array(scan, bad)
        if scan.peek() == b"}":
            scan.at += 1
    else:
        yield from _objects(scan, bad)
        return
    if scan.peek():
        raise scan.fail(
            "Something follows the end of the JSON array",
            _shown(scan.buffer[scan.at : scan.at + 40]),
        )


def _enter_wrapped(scan: _Scanner) -> bool:
    match = _WRAPPED.match(scan.buffer, scan.at)
    if not match or match.group("key") in ROW_KEYS:
        return False
    scan.line += scan.buffer.count(b"\n", scan.at, match.end())
    scan.at = match.end()
    return True


def _next_key(scan: _Scanner) -> bool:
    if scan.peek() != b",":
        return False
    scan.more()
    match = _NEXT_KEY.match(scan.buffer, scan.at)
    if not match:
        raise scan.fail("The JSON is not a list of rows", "an object with lists was expected")
    scan.line += scan.buffer.count(b"\n", scan.at, match.end())
    scan.at = match.end()
    return True


def _array(scan: _Scanner, bad: Bad) -> Iterator[tuple[int, Any]]:
    if scan.peek() == b"]":
        scan.at += 1
        return
    while True:
        mark = scan.peek()
        if mark == b"":
            raise scan.fail("The JSON ends too early", "the file looks truncated: no closing ]")
        if mark in (b",", b"]", b"}"):
            raise scan.fail("The JSON is damaged", f"{mark.decode()!r} where an item belongs")
        yield from _value(scan, bad)
        mark = scan.peek()
        if mark == b",":
            scan.at += 1
        elif mark == b"]":
            scan.at += 1
            return
        elif mark == b"":
            raise scan.fail("The JSON ends too early", "the file looks truncated: no closing ]")
        else:
            raise scan.fail(
                "The JSON is damaged", f"{mark.decode('utf-8', 'replace')!r} where , or ] belongs"
            )


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
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    scan.at = end
    return text, value


def _value(scan: _Scanner, bad: Bad) -> Iterator[tuple[int, Any]]:
    line = scan.line
    guess = _guessed(scan)
    if guess is not None and b"\\u0000" not in guess[0]:
        yield line, guess[1]
        scan.items += 1
        scan.line = line + guess[0].count(b"\n")
        return
    text = guess[0] if guess is not None else scan.item()
    joint = _JOINT.match(scan.buffer, scan.at)
    scan.joint = b"}" + joint.group() if joint and text.endswith(b"}") else scan.joint
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        verdict = explain(text, error)
        bad(line + max(0, getattr(error, "lineno", 1) - 1), verdict, _shown(text))
    else:
        if b"\\u0000" in text and has_nul(value):
            bad(line, Reject("a NUL character in a text"), _shown(text))
        else:
            yield line, value
    scan.items += 1
    scan.line = line + text.count(b"\n")
