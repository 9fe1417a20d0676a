"""How a run looks: plain lines, the engine's own output as it comes, a bar only on a terminal."""

from __future__ import annotations

import shutil
import sys
import time

import click

from orchestrator.base.language import say
from orchestrator.base.plan import Plan
from orchestrator.base.secrets import redacted
from orchestrator.cli.output import echo
from orchestrator.running.record import StageRecord


class Terminal:
    """Prints what a run does (a ``Reporter``). ``quiet`` keeps engine output out."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._bar_drawn = 0.0
        self._is_terminal = sys.stderr.isatty()

    def skipped(self, stage: str, seconds: float | None) -> None:
        took = f" ({seconds:.0f} s)" if seconds else ""
        echo(
            say(
                f"{stage}: done before, nothing it depends on has changed{took}",
                f"{stage}：之前已完成，所依赖的内容没有变化{took}",
            )
        )

    def started(self, number: int, count: int, plan: Plan, why: str | None) -> None:
        because = f"  ({say('again', '重跑')}: {why})" if why else ""
        echo(f"[{number}/{count}] {plan.stage}{because}", bold=True)
        if plan.task is not None:
            echo(f"  {redacted(plan.task.describe())}")
        for file in plan.files:
            echo(f"  {say('write', '写入')} {file.path}")

    def command(self, line: str) -> None:
        echo(f"  $ {line}")

    def output(self, chunk: bytes) -> None:
        if not self.quiet:
            sys.stdout.flush()
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()

    def finished(self, record: StageRecord) -> None:
        self._clear_bar()
        took = f"{record.seconds:.1f} s{_figures(record)}"
        echo(f"  {say(f'{record.name} done in', f'{record.name} 完成，用时')} {took}")
        for note in record.facts.get("notes") or ():
            self.note(note)
        for warning in _warnings(record):
            echo(f"  {say('warning', '注意')}: {warning}", fg="yellow")

    def note(self, text: str) -> None:
        echo(f"  {text}")

    def progress(self, done: int, total: int, what: str, /) -> None:
        """A one-line bar on a terminal, at most five times a second; nothing elsewhere."""
        if not self._is_terminal or time.monotonic() - self._bar_drawn < 0.2:
            return
        self._bar_drawn = time.monotonic()
        share = f"{done / total:4.0%} " if total else ""
        line = f"  {share}{_amount(done)} {what}"
        width = shutil.get_terminal_size().columns - 1
        click.echo(f"\r\x1b[2K{line[:width]}", nl=False, err=True)

    def _clear_bar(self) -> None:
        if self._is_terminal and self._bar_drawn:
            click.echo("\r\x1b[2K", nl=False, err=True)
            self._bar_drawn = 0.0


def _amount(count: int) -> str:
    if count < 10_000_000:
        return f"{count:,}"
    return f"{count / 1e9:.2f} G" if count >= 1e9 else f"{count / 1e6:.0f} M"


#: Facts that the record holds and the terminal need not repeat.
_IN_THE_RECORD = frozenset({"read", "written", "faults", "rejects", "dropped", "notes", "sources"})


def _figures(record: StageRecord) -> str:
    """The stage's figures in one line: its own, and those of its artifacts (rows count once)."""
    shown = []
    for key, value in record.facts.items():
        if key in _IN_THE_RECORD:
            continue
        if isinstance(value, dict) and not key.endswith(".jsonl"):
            inner = value.get("figures", value)
            shown += [f"{k} {v}" for k, v in inner.items() if isinstance(v, (int, str))]
        elif isinstance(value, (int, str)):
            shown.append(f"{key} {value}")
    return f": {', '.join(shown)}" if shown else ""


def _warnings(record: StageRecord) -> list[str]:
    found = [record.facts, *(v for v in record.facts.values() if isinstance(v, dict))]
    return list(dict.fromkeys(str(text) for facts in found for text in facts.get("warnings", [])))
