"""status and logs: what runs there are, how they ended, and what their engines printed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.language import say
from orchestrator.base.layout import RunPaths
from orchestrator.base.paths import runs_dir
from orchestrator.base.program import command_line
from orchestrator.base.text import printable
from orchestrator.cli.completing import LogName, RunName
from orchestrator.cli.options import json_option
from orchestrator.cli.output import echo, echo_json
from orchestrator.cli.rehearsals import in_brackets, of_what
from orchestrator.cli.table import width
from orchestrator.running import directories
from orchestrator.running import record as records
from orchestrator.running.request import Request, words_of

_COLOURS = {
    "done": "green",
    "failed": "red",
    "interrupted": "yellow",
    "running": "cyan",
    "stale": "yellow",
}


_WORDS = {
    "done": "完成",
    "failed": "失败",
    "interrupted": "已中断",
    "running": "运行中",
    "stale": "已过期",
    "waiting": "等待",
    "unreadable": "无法读取",
}


def _shown(state: str, room: int = 0) -> str:
    """The state in its colour and the reader's language, in ``room`` cells."""
    word = say(state, _WORDS.get(state, state))
    filled = word + " " * (room - width(word))
    return click.style(filled, fg=_COLOURS.get(state))


@click.command()
@click.argument("run", required=False, type=RunName())
@json_option
def status(run: str | None, as_json: bool) -> None:
    """Show every run, or the stages of RUN (a folder, or a recipe's name for its newest run)."""
    if run is not None:
        _show_one(directories.find_run(run, runs_dir()), as_json)
    else:
        _show_all(as_json)


def _summary(root: Path) -> dict[str, Any]:
    try:
        record = records.read(root)
    except RecipeError as error:
        return {"run": str(root), "state": "unreadable", "why": error.why}
    busy = next((s for s in record.stages if s.state not in ("done", "waiting")), None)
    current = busy or next((s for s in reversed(record.stages) if s.state == "done"), None)
    return {
        "run": str(root),
        "recipe": record.recipe,
        "engine": record.engine,
        "rehearsal": record.rehearsal,
        "standin": record.standin,
        "parameters": list(words_of(record.request)) if record.request else [],
        "state": _state(record, root, records.stale(record, root)),
        "stage": current.name if current else None,
        "created": record.created,
    }


def _state(record: records.RunRecord, root: Path, stale: Mapping[str, str]) -> str:
    """The state as a reader should see it: what is out of date is neither done nor waiting."""
    state = records.shown_state(record, root)
    return "stale" if state in ("done", "waiting") and stale else state


def _show_all(as_json: bool) -> None:
    found = [_summary(root) for root in directories.all_runs(runs_dir())]
    if as_json:
        echo_json(found)
        return
    if not found:
        start = command_line(["run", "NAME", "--rehearse"])
        folder = runs_dir()
        echo(
            say(
                f"There is no run in {folder}. Start one: {start}",
                f"{folder} 中还没有运行。请开始一次：{start}",
            )
        )
    for run in found:
        mode = say("rehearsal", "预演") if run.get("rehearsal") else ""
        words = [of_what(run.get("standin")), *run.get("parameters", []), run.get("why")]
        state = _shown(run["state"], 12)
        more = "  ".join(["", *filter(None, words)])
        mode += " " * (10 - width(mode))
        click.echo(f"{state} {run.get('stage') or '':<8} {mode} {printable(run['run'] + more)}")


def _show_one(root: Path, as_json: bool) -> None:
    record = records.read(root)
    stale = records.stale(record, root)
    state = _state(record, root, stale)
    if as_json:
        shown = {**asdict(record), "state": state, "stale": stale, "directory": str(root)}
        echo_json(shown)
        return
    made_of = in_brackets(record.standin)
    mode = (
        say(f"REHEARSAL{made_of} of ", f"预演（REHEARSAL）{made_of} ") if record.rehearsal else ""
    )
    with_engine = say(
        f"{record.recipe} with {record.engine}", f"{record.recipe}，引擎 {record.engine}"
    )
    echo(f"{mode}{with_engine}: {record.title}", bold=True)
    echo(f"  {say('in', '目录')} {root}")
    if record.request:
        echo(f"  {Request.of(record.request, run=str(root)).line()}")
    click.echo(f"  {_shown(state)}")
    for change in record.changes:
        echo(f"  {say('rehearsal', '预演')}: {change}")
    for stage in record.stages:
        _show_stage(stage, state, stale.get(stage.name))


def _show_stage(stage: records.StageRecord, run_state: str, stale: str | None) -> None:
    state: str = stage.state
    if state == "running" and run_state != "running":
        state = "interrupted"
    if stale is not None:
        state = "stale"
    took = f"{stage.seconds:8.1f} s" if stage.seconds is not None else ""
    click.echo(f"  {stage.name:<8} {_shown(state, 12)}{took}")
    for text in filter(None, (stage.error, stale)):
        echo(f"           {text}")


@click.command()
@click.argument("run", type=RunName())
@click.argument("stage", required=False, type=LogName())
@click.option("-f", "--follow", is_flag=True, help="Print what comes, until the run ends.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="Only the last LINES lines.")
def logs(run: str, stage: str | None, follow: bool, lines: int | None) -> None:
    """Print the log of RUN's latest stage, or of STAGE."""
    root = directories.find_run(run, runs_dir())
    if follow:
        for chunk in _followed(root, stage, lines):
            click.echo(chunk, nl=False)
        return
    text = _log_file(root, stage).read_bytes()
    click.echo(_last(text, lines), nl=False)


def _last(text: bytes, lines: int | None) -> bytes:
    if lines is None:
        return text
    kept = text.splitlines(keepends=True)
    return b"".join(kept[len(kept) - lines :] if lines else [])


def _log_file(root: Path, stage: str | None) -> Path:
    """The log of ``stage``, or the one written last; UsageError when there is none."""
    paths = RunPaths(root)
    found = sorted(paths.logs.glob("*.log"), key=lambda path: path.stat().st_mtime)
    if stage is not None:
        found = [path for path in found if path.stem == stage]
    if not found:
        known = ", ".join(sorted(path.stem for path in paths.logs.glob("*.log")))
        raise UsageError(
            say(f"There is no log of {stage!r}.", f"没有 {stage!r} 的日志。")
            if stage
            else say("This run has no log yet.", "这次运行还没有日志。"),
            where=str(paths.logs),
            fix=say(f"logs there are: {known}", f"现有日志：{known}")
            if known
            else say("see how far it is: recipe status", "查看进度：recipe status"),
        )
    return found[-1]


def _followed(root: Path, stage: str | None, lines: int | None) -> Iterator[bytes]:
    """The log as it grows; moves on to the next stage's log; ends when the run does."""
    path: Path | None = None
    offset = 0
    while True:
        alive = records.is_alive(records.read(root), root)
        newest = _newest_or_none(root, stage)
        if newest is not None and newest != path:
            first = path is None
            path, offset = newest, 0
            if first and lines is not None:
                text = path.read_bytes()
                offset = len(text) - len(_last(text, lines))
        if path is not None:
            with path.open("rb") as stream:
                stream.seek(offset)
                chunk = stream.read()
            offset += len(chunk)
            if chunk:
                yield chunk
                continue
        if not alive:
            return
        time.sleep(0.3)


def _newest_or_none(root: Path, stage: str | None) -> Path | None:
    try:
        return _log_file(root, stage)
    except UsageError:
        return None
