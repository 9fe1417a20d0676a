"""How a run looks: one line a stage; how far it is on a live line, or now and then where none is.

The engine's own text goes to the log alone, unless it is asked for (``-v``).
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from types import TracebackType

from orchestrator.base.language import say
from orchestrator.base.plan import Plan
from orchestrator.base.secrets import redacted
from orchestrator.cli.live import Live, on_terminal
from orchestrator.cli.output import echo
from orchestrator.cli.pace import Pace
from orchestrator.cli.table import cut, terminal_width, width
from orchestrator.engines.progress import Step
from orchestrator.report import words
from orchestrator.running.record import StageRecord

#: Seconds between two lines of progress where no line can be drawn again.
NOW_AND_THEN = 30.0
_ENDS = re.compile(rb"[\r\n]")
_LONGEST = 1 << 16  # bytes of a line without an end
_NAME = 9  # cells of a stage's name


class Terminal:
    """Prints what a run does (a ``Reporter``). ``progress`` reads a line of the engine's output.

    ``quiet`` says how a stage ended and nothing before; ``verbose`` shows the engine's own text.
    As a context manager it leaves the terminal clean, and says which stage an exception ended.
    """

    def __init__(
        self,
        progress: Callable[[str], Step | None] | None = None,
        *,
        quiet: bool = False,
        verbose: bool = False,
    ) -> None:
        self.quiet = quiet
        self.verbose = verbose and not quiet
        self._progress = progress
        is_live = on_terminal() and not self.quiet and not self.verbose
        self._live = Live() if is_live else None
        #: Whether a stage is one line alone: a file is read later, and wants the commands too.
        self._short = (sys.stdout.isatty() or self.quiet) and not self.verbose
        self._stage: str | None = None
        self._label = ""
        self._begin = self._told = 0.0
        self._rest = b""
        self._pace = Pace()
        self._doing = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clear()
        if kind is not None and self._stage is not None and self._short:
            took = words.lasted(time.monotonic() - self._begin)
            ended = say(f"stopped after {took}", f"{took} 后停止")
            echo("  ".join([self._label, ended, *self._pace.outcome()]), fg="red")

    def skipped(self, stage: str, seconds: float | None) -> None:
        took = f" ({seconds:.0f} s)" if seconds else ""
        echo(
            say(
                f"{stage}: done before, nothing it depends on has changed{took}",
                f"{stage}：之前已完成，所依赖的内容没有变化{took}",
            )
        )

    def started(self, number: int, count: int, plan: Plan, why: str | None) -> None:
        self._stage, self._label = plan.stage, f"[{number}/{count}] {plan.stage:<{_NAME}}"
        self._begin = self._told = time.monotonic()
        self._rest, self._pace, self._doing = b"", Pace(time.monotonic), ""
        because = f"({say('again', '重跑')}: {why})" if why else ""
        if self._short:
            if because:
                echo(f"{self._label.rstrip()}  {because}")
            self._redraw()
            return
        echo(f"[{number}/{count}] {plan.stage}{'  ' if because else ''}{because}", bold=True)
        if self.verbose and plan.task is not None:
            echo(f"  {redacted(plan.task.describe())}")
        for file in plan.files if self.verbose else ():
            echo(f"  {say('write', '写入')} {file.path}")

    def command(self, line: str) -> None:
        if not self._short:
            self._clear()
            echo(f"  $ {line}")

    def output(self, chunk: bytes) -> None:
        """The engine's bytes as they come; nothing (``b""``) after a second of silence."""
        if self.verbose:
            sys.stdout.flush()
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        *lines, self._rest = _ENDS.split(self._rest + chunk)
        self._rest = self._rest[-_LONGEST:]
        for line in lines:
            self._read(line.decode("utf-8", errors="replace"))
        self._show_progress()

    def finished(self, record: StageRecord) -> None:
        self._clear()
        took = words.lasted(record.seconds)
        figures = [*self._pace.outcome(), *_figures(record)]
        if self._short:
            head = f"{self._label} {took:>7}"
            room = (terminal_width() or 80) - 1
            echo(cut([head, _fitting(figures, room - width(head) - 2)], room))
        else:
            shown = f": {', '.join(figures)}" if figures else ""
            echo(f"  {say(f'{record.name} done in', f'{record.name} 完成，用时')} {took}{shown}")
        self._stage = None
        for note in record.facts.get("notes") or ():
            self.note(note)
        for warning in words.warnings_of(record.facts):
            echo(f"  {say('warning', '注意')}: {warning}", fg="yellow")

    def note(self, text: str) -> None:
        self._clear()
        echo(f"  {text}")

    def progress(self, done: int, total: int, what: str, /) -> None:
        """How far work in this process is; shown on a live line alone."""
        share = f"{done / total:4.0%} " if total else ""
        self._doing = f"{share}{_amount(done)} {what}".strip()
        if self._live is not None and self._live.is_due:
            self._redraw()

    # -------------------------------------------------------------- how far it is

    def _read(self, line: str) -> None:
        step = self._progress(line) if self._progress is not None else None
        if step is not None:
            self._pace.see(step)

    def _show_progress(self) -> None:
        if self._live is not None:
            if self._live.is_due:
                self._redraw()
        elif not (self.quiet or self.verbose) and time.monotonic() - self._told >= NOW_AND_THEN:
            self._told = time.monotonic()
            took = words.lasted(self._told - self._begin)
            echo("  " + "  ".join([str(self._stage), took, *self._pace.parts()]))
            sys.stdout.flush()

    def _redraw(self) -> None:
        if self._live is not None:
            took = words.lasted(float(int(time.monotonic() - self._begin)))
            parts = self._pace.parts() or [self._doing]
            self._live.draw(f"{self._label} {took.replace('.0 s', ' s'):>7}", *parts)

    def _clear(self) -> None:
        if self._live is not None:
            self._live.clear()


def _amount(count: int) -> str:
    if count < 10_000_000:
        return f"{count:,}"
    return f"{count / 1e9:.2f} G" if count >= 1e9 else f"{count / 1e6:.0f} M"


def _figures(record: StageRecord) -> list[str]:
    """A stage's figures as short texts in the reader's language."""
    found = words.figures(record.facts)
    return [
        f"{say(*words.NAMES.get(name, (name, name)))} {words.shown(name, value)}"
        for name, value in found.items()
    ]


def _fitting(texts: list[str], room: int) -> str:
    """The first of the texts that fit into one line of ``room`` cells."""
    count = len(texts)
    while count and width(", ".join(texts[:count])) > room:
        count -= 1
    return ", ".join(texts[:count])
