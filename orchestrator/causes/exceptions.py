"""The exceptions that a log shows: each with its traceback and what it was raised from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator.causes.lines import Line

_START = re.compile(r"Traceback \(most recent call last\)|^╭.*Traceback")
#: A notebook writes the exception's name before it, and frames that are not indented.
_NOTEBOOK = re.compile(r"^[\w.]+\s+Traceback \(most recent call last\)")
#: What stands between the exceptions of one chain; the later one is what ended the program.
_LINK = re.compile(
    r"^(?:During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:)"
)
#: The name of an exception: outside a traceback only what is called so counts.
_NAME = (
    r"(?:[A-Za-z_][\w-]*\.)*(?:\w*(?:Error|Exception|Interrupt|Exit|Timeout|Failure|Expired)"
    r"|OfflineModeIsEnabled|OutOfResources|ArrowInvalid|BadZipFile|HFValidationError|RemoteTraceback)"
)
_ALONE = re.compile(rf"^(?:E\s{{2,}})?(?P<text>{_NAME}(?::.*|\s*))$")
#: The same after a time, a level or a program's name: ``[ERROR] trainer: ValueError: …``.
_WITHIN = re.compile(rf"^(?!own code: ).*?(?:^|[\s:\]])(?P<text>{_NAME}:\s.*)$")
_NATIVE = re.compile(r"^\s*what\(\):\s+(?P<text>.*)$")
#: Where an exception's own text ends: blank lines, log lines, other programs' words.
_END = re.compile(
    r"^$|^\d{4}[-/]\d\d|^\d\d/\d\d \d\d:|^\[(?!Errno|enforce)|^[EWIF]\d{4} |^[*=]{4,}|^\"\"\""
    r"|^(?:INFO|WARNING|ERROR)\b"
)
_MOST = 30
"""Lines of one message; an exception that carries a whole file says enough at its beginning."""
#: A program that goes on: steps of a training, or the words of its end.
_STEP = re.compile(
    r"Iter\(train\)|Epoch\(train\)|\{'loss':|mmengine - INFO - |All done!|\*{5} train metrics"
)


@dataclass(frozen=True)
class Raised:
    """An exception as a log shows it. ``text`` is "Type: message", ``frames`` what stood above."""

    number: int
    rank: str
    text: str
    frames: tuple[str, ...] = ()
    before: tuple[Raised, ...] = field(default=())
    """What it was raised from, the nearest first."""

    @property
    def traceback(self) -> list[str]:
        return [*self.frames, *self.text.splitlines()]


def raised(lines: Sequence[Line]) -> list[Raised]:
    """Every exception that may have ended the program, by place in the log.

    Those of one chain are one, the last; one after which the work went on is left out.
    """
    ranks = dict.fromkeys(line.rank for line in lines)
    found = [each for rank in ranks for each in _of([ln for ln in lines if ln.rank == rank])]
    went_on = last_step(lines)
    return sorted((each for each in found if each.number > went_on), key=lambda e: e.number)


def last_step(lines: Sequence[Line]) -> int:
    """The number of the last line that shows the work going on; 0 when there is none."""
    return max((line.number for line in lines if _STEP.search(line.text)), default=0)


def _of(lines: Sequence[Line]) -> Iterator[Raised]:
    """The exceptions of one rank, chains joined."""
    chain: tuple[Raised, ...] = ()
    waiting: Raised | None = None
    for each in _parsed(lines):
        if isinstance(each, Raised):
            if waiting is not None and chain and chain[0] is waiting:
                each = Raised(each.number, each.rank, each.text, each.frames, chain)
            elif waiting is not None:
                yield waiting
            waiting, chain = each, ()
        elif waiting is not None:
            chain = (waiting, *waiting.before)
    if waiting is not None:
        yield waiting


def _parsed(lines: Sequence[Line]) -> Iterator[Raised | None]:
    """Exceptions in order; None where a chain is told to go on."""
    at = 0
    while at < len(lines):
        line = lines[at]
        if _LINK.match(line.text):
            yield None
            at += 1
        elif start := _START.search(line.text):
            frames = [line.text[start.start() :]]
            at += 1
            drawn = _NOTEBOOK.match(line.text) is not None
            while at < len(lines) and _is_frame(lines[at].text, drawn=drawn):
                frames.append(lines[at].text)
                at += 1
            if at < len(lines) and not _START.search(lines[at].text):
                each, at = _with_message(lines, at, lines[at].text, frames)
                yield each
        elif (head := _head(line)) is not None:
            each, at = _with_message(lines, at, head, [])
            yield each
        else:
            at += 1


def _is_frame(text: str, *, drawn: bool) -> bool:
    """Whether the line belongs to a traceback above its exception; ``drawn``: of a notebook."""
    if drawn:
        return not (_ALONE.match(text) or _START.search(text) or _LINK.match(text))
    return not text.strip() or text[0] in " \t│╰╭❱"


def _head(line: Line) -> str | None:
    """The beginning of an exception that no traceback stands above."""
    if match := _ALONE.match(line.text) or _NATIVE.match(line.text):
        return match["text"]
    if line.is_harmless:
        return None
    match = _WITHIN.search(line.text)
    return match["text"] if match else None


def _with_message(
    lines: Sequence[Line], at: int, head: str, frames: Iterable[str]
) -> tuple[Raised, int]:
    """The exception whose text begins at ``at``, and where the log goes on after it."""
    text = [head]
    end = at + 1
    while end < len(lines) and len(text) < _MOST and not _ends(lines[end].text):
        text.append(lines[end].text)
        end += 1
    return Raised(lines[at].number, lines[at].rank, "\n".join(text), tuple(frames)), end


def _ends(text: str) -> bool:
    stops = (_END, _START, _LINK, _ALONE, _NATIVE)
    return any(pattern.search(text) for pattern in stops)
