"""How `recipe run` ends: what came of it and what to type next, or what is left to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.base import layout
from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.program import command_line
from orchestrator.cli import card
from orchestrator.cli.output import echo, short
from orchestrator.cli.rehearsals import proves
from orchestrator.engines.protocol import Chats
from orchestrator.engines.registry import engine_of
from orchestrator.report import run_report
from orchestrator.report.summary import Summary, summary
from orchestrator.running.record import RunRecord, stale
from orchestrator.running.workflow import Asked


def conclude(asked: Asked, root: Path, record: RunRecord) -> None:
    """The last lines of `recipe run`."""
    if record.state != "done":
        _say_what_is_left(asked, root, record)
        return
    ended = say("Done.", "完成。")
    if asked.job.rehearsal:
        ended = proves(asked.job.standin)
    echo(ended, fg="green")
    _show_card(asked, root)


def _show_card(asked: Asked, root: Path) -> None:
    """The card, and the report beside the run; a run is done even where none can be written."""
    found = summary(root)
    places = [(say("all in", "全部产物"), short(root))]
    page = root / layout.REPORT
    if not run_report.is_current(root, found):
        _write_report(root, found)
    if page.is_file():
        places.append((say("report", "报告"), short(page)))
    following = []
    if isinstance(engine_of(asked.job), Chats) and asked.job.standin != "contract":
        following.append((say("talk to it", "和它对话"), command_line(["chat", short(root)])))
    if asked.job.rehearsal:
        real = replace(asked.request, rehearse=False, name=None, run=None)
        following.append((say("for real", "正式运行"), real.line()))
    card.show(found, places, following)


def _write_report(root: Path, found: Summary) -> None:
    try:
        run_report.write(root, found=found)
    except RecipeError as error:
        echo(f"  {say('no report', '没有报告')}: {error.what} {error.why or ''}", fg="yellow")


def _say_what_is_left(asked: Asked, root: Path, record: RunRecord) -> None:
    """The stages that are not done, or no longer follow from what they were made of."""
    out_of_date = stale(record, root)
    for name, why in out_of_date.items():
        old = say(f"{name} is out of date: {why}", f"{name} 已过期：{why}")
        echo(f"  {old}", fg="yellow")
    stopped = say("Stopped as asked. Go on with", "已按要求停下，继续请输入")
    if out_of_date:
        stopped = say("Not finished. Go on with", "尚未完成，继续请输入")
    echo(f"{stopped}: {asked.request.line()}")
