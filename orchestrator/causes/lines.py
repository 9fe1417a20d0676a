"""A log as a person would read it: no colours, no bars, one rank's lines together."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]")
#: A bar that something was written after: ``  0%|   | 0/8 [00:00<?, ?it/s]Traceback …``.
_BAR = re.compile(r"^.*?\d+%\|[^|]*\|[^\[\n]*\[[^\]\n]*\]\s*")
#: Who prints, before what is printed: torchrun, mpirun, Ray, containers, quoted text.
_PREFIXES = re.compile(
    r"^(?:\[(?:rank|default)(?P<rank>\d+)\]:\s?"
    r"|\[\d+,(?P<mpi>\d+)\]<std(?:err|out)>:\s?"
    r"|\((?:\w+ )?pid=(?P<pid>\d+)(?:, ip=[\d.]+)?\)\s"
    r"|\d{4}-\d\d-\d\dT[\d:.]+Z\s(?:std(?:err|out) [FP]\s)?"
    r"|>\s(?=\S))"
)
_HARMLESS = re.compile(
    r"\b\w*Warning\b(?!s?_)|\bwarnings?\.warn\b|\b(?:INFO|DEBUG|WARNING|WARN)\b"
    r"|^\s*(?:info|warn|warning|debug|note|hint)\s*:|\[(?:info|warn|warning|debug)\]"
    r"|\b(?:could|may) (?:lead|result)\b",
)
_NOISE = re.compile(
    r"^\s*$|^\s*\d+%\||it/s\]|s/it\]|FutureWarning|UserWarning|DeprecationWarning|warnings\.warn"
    r"|^\s*Usage|^\s*\w+ (?:train|convert|chat|list-cfg|copy-cfg|help)\b|^-{5,}|^={5,}"
)


@dataclass(frozen=True)
class Line:
    """One line of a log: its number (from 1), who printed it ("": nobody is named), its text."""

    number: int
    rank: str
    text: str
    bar: str = ""
    """A bar that stood before ``text`` on the same line; its figures may tell (``loss=nan``)."""

    @property
    def is_harmless(self) -> bool:
        """Whether the line calls itself a warning or an information."""
        return _HARMLESS.search(self.text) is not None

    @property
    def is_noise(self) -> bool:
        """Whether a reader would leave it out: bars, warnings, help pages, rules."""
        return _NOISE.search(self.text) is not None


def lines_of(log: str) -> list[Line]:
    """The lines of a log, cleaned; what a terminal would have overwritten is left out."""
    return [Line(number, *_cleaned(raw)) for number, raw in enumerate(log.split("\n"), 1)]


def _cleaned(raw: str) -> tuple[str, str, str]:
    """Who prints, the text, and the bar before it."""
    text = _ANSI.sub("", raw).rstrip("\r")
    shown = [part for part in text.split("\r") if part.strip()]
    text = shown[-1].rstrip() if shown else ""
    rank = ""
    while match := _PREFIXES.match(text):
        rank = match["rank"] or match["mpi"] or match["pid"] or rank
        text = text[match.end() :]
    bar = _BAR.match(text)
    if bar is not None and text[bar.end() :].strip():
        return rank, text[bar.end() :], bar[0]
    return rank, text, ""
