"""Help pages for Chinese readers: click's, with the texts of :mod:`orchestrator.cli.chinese`."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click

from orchestrator.cli.chinese import OPTIONS, VERBS
from orchestrator.cli.table import width

_HEADINGS = {"Options": "选项", "Commands": "命令"}
_EXTRAS = {"default: ": "默认：", "required": "必填"}
#: A word of ASCII or a single character, with the punctuation that may not begin a line.
_UNIT = re.compile(r"\s+|(?:[!-~]+|[^\s!-~])[，。；：、）”！？]*")
_MOST = 30  # cells of the first column, as in click


class ChinesePage(click.HelpFormatter):
    """Writes the help page of one verb; ``verb`` are the words after ``recipe``."""

    def __init__(self, verb: str, width: int | None, max_width: int | None) -> None:
        super().__init__(width=width, max_width=max_width)
        self._verb = verb

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or "用法：")

    def write_heading(self, heading: str) -> None:
        super().write_heading(_HEADINGS.get(heading, heading))

    def write_text(self, text: str) -> None:
        indent = " " * self.current_indent
        paragraphs = VERBS.get(self._verb, text).split("\n\n")
        written = []
        for paragraph in paragraphs:
            lines = paragraph.splitlines()
            kept = lines[1:] if lines[0] == "\b" else wrapped("".join(lines), self._room(indent))
            written.append("".join(f"{indent}{line}\n" for line in kept))
        self.write("\n".join(written))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = _MOST, col_spacing: int = 2
    ) -> None:
        rows = list(rows)
        first = min(max(width(name) for name, _ in rows), col_max) + col_spacing
        indent = " " * self.current_indent
        for name, text in rows:
            about = wrapped(option(text), self._room(indent + " " * first))
            begin = f"{indent}{name}"
            if about and width(name) <= first - col_spacing:
                begin += " " * (first - width(name)) + about.pop(0)
            self.write(f"{begin}\n")
            self.write("".join(f"{indent}{' ' * first}{line}\n" for line in about))

    def _room(self, indent: str) -> int:
        return max(self.width - len(indent), 20)


def option(text: str) -> str:
    """An option's help in Chinese, with what click adds to it in brackets; other text as it is."""
    words, bracket, extra = text.partition("  [")
    if not bracket and text.startswith("["):
        words, bracket, extra = "", "[", text[1:]
    for english, chinese in _EXTRAS.items():
        extra = extra.replace(english, chinese)
    return f"{OPTIONS.get(words, words)}{bracket}{extra}"


def first_line(verb: str, text: str) -> str:
    """What a list of verbs shows of ``verb``."""
    return VERBS.get(verb, text).partition("\n")[0]


def wrapped(text: str, room: int) -> list[str]:
    """Lines of at most ``room`` cells: Chinese breaks anywhere, a longer word of ASCII stays."""
    lines = [""]
    for unit in _UNIT.findall(text):
        if lines[-1] and width(lines[-1] + unit.rstrip()) > room:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += unit if lines[-1] else unit.lstrip()
    return [line.rstrip() for line in lines if line.strip()]
