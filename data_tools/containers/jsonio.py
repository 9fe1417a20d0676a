"""JSON as the project reads it: one value, JSON lines, and the place of every fault in words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import orjson

from data_tools.errors import Reject

Bad = Callable[[int, Reject, str], None]
"""Called with the line, the verdict and the text of an item that cannot be parsed."""

CUT_OFF = "cut off: the file ends in the middle of this line"
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_LONG = b"0" * 19  # so many digits stand in every integer beyond 64 bits,
_EVERY, _SOME = 4, b"0" * 4  # four of them at every fourth place: a quick look first
_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)


def loads(text: bytes) -> Any:
    """The value of a JSON text. Integers stay integers, however long.

    Raises:
        ValueError: the text is no JSON (`explain` says why), or an integer is beyond all measure.
    """
    value = orjson.loads(text)
    some = _SOME in text[::_EVERY].translate(_DIGITS)
    if some and _LONG in text.translate(_DIGITS):  # orjson makes floats of these integers
        try:
            return json.loads(text)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
    return value


def parse(text: bytes, *, last: bool = False) -> Any:
    """The value of one item of a file, whose texts hold no NUL character.

    `last`: the text ends where the file ends, so it may be cut off.

    Raises:
        Reject: what is wrong, and where in the text. Its cause is the parser's own error.
    """
    try:
        value = loads(text)
    except ValueError as error:
        raise explain(text, error, last) from error
    if b"\\" in text and b"\\u0000" in text and has_nul(value):  # one byte is found at once
        raise Reject("a NUL character in a text")
    return value


def read_lines(stream: BinaryIO, bad: Bad) -> Iterator[tuple[int, Any]]:
    """(line number, value) of each line that is not blank."""
    number = 0
    for line in stream:
        number += 1
        try:
            value = parse(line, last=not line.endswith(b"\n"))
        except Reject as verdict:
            if line.strip():
                bad(number, verdict, shown(line))
            continue
        yield number, value


def has_nul(value: Any) -> bool:
    """Is there a NUL character in any text of the value?"""
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(has_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(has_nul(part) for part in value)


def shown(text: bytes) -> str:
    """The text as far as it can be read, for the rejected rows."""
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
    why = getattr(error, "msg", str(error)).split(": line")[0]
    return Reject(f"invalid JSON: {why}", f"column {column}" if column else "")
