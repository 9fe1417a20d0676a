"""why: cause, evidence and fix of a failed run, or of anyone's log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from orchestrator.base.errors import EXIT_FAILED
from orchestrator.base.language import say
from orchestrator.cli.completing import RunName
from orchestrator.cli.options import json_option
from orchestrator.cli.output import echo, echo_json

if TYPE_CHECKING:
    from orchestrator.causes.why import Cause
    from orchestrator.running.why import Diagnosis


@click.command()
@click.argument("what", metavar="RUN|LOG|-", type=RunName())
@json_option
def why(what: str, as_json: bool) -> None:
    """Say why RUN failed, or why a LOG ends as it does: cause, evidence, fix.

    RUN is a folder or a recipe's name (its newest run). LOG is any program's log file, a folder
    with the logs of several ranks, or - for standard input. Exit code 1: no cause is known.
    """
    from orchestrator.causes.sources import decoded
    from orchestrator.running import why as reasons

    if what == "-":
        found = reasons.of_text(decoded(sys.stdin.buffer.read()))
    else:
        found = reasons.diagnose(what)
    if as_json:
        echo_json(_as_json(found))
    else:
        _show(found)
    if not _is_known(found) and found.state not in ("done", "running", "waiting"):
        raise click.exceptions.Exit(EXIT_FAILED)


def _is_known(found: Diagnosis) -> bool:
    told = found.told or {}
    return (found.cause is not None and found.cause.id is not None) or bool(told.get("fix"))


def _as_json(found: Diagnosis) -> dict[str, Any]:
    cause = found.cause
    known = cause is not None and cause.id is not None
    return {
        "about": found.about,
        "state": found.state,
        "stage": found.stage,
        "known": known,
        "id": cause.id if cause else None,
        "cause": cause.cause if cause else None,
        "fix": (cause.fix or None) if cause else None,
        "sure": bool(cause and cause.sure),
        "evidence": {"log": cause.log, "line": cause.line, "text": cause.evidence}
        if cause
        else None,
        "source": cause.source if cause else None,
        "traceback": list(cause.traceback) if cause else [],
        "told": dict(found.told) if found.told else None,
        "post": found.post or None,
    }


def _show(found: Diagnosis) -> None:
    if found.stage:
        stopped = say(f"stopped at {found.stage}", f"停在 {found.stage} 阶段")
        echo(f"{found.about} {stopped}", bold=True)
    cause = found.cause
    if cause is not None and cause.id is not None:
        _show_known(cause)
    elif found.told:
        _show_told(found)
    elif cause is not None:
        _show_unknown(found, cause)
    else:
        _show_nothing(found)


def _show_known(cause: Cause) -> None:
    doubt = "" if cause.sure else say("probably: ", "很可能是：")
    _line(say("cause", "原因"), f"{doubt}{cause.cause}", fg="red")
    _line(say("evidence", "证据"), _evidence(cause))
    _line(say("fix", "解决办法"), cause.fix, fg="green")


def _evidence(cause: Cause) -> str:
    parts = [cause.log if cause.log != "-" else ""]
    if cause.line is not None:
        parts.append(say(f"line {cause.line}", f"第 {cause.line} 行"))
    place = ", ".join(filter(None, parts))
    return f"{place}: {cause.evidence}" if place else cause.evidence


def _show_told(found: Diagnosis) -> None:
    """What the run itself said: an artifact, rows or a check that no log speaks of."""
    told = found.told or {}
    _line(say("cause", "原因"), told.get("what", ""), fg="red")
    if told.get("why"):
        _line(say("evidence", "证据"), told["why"])
    if told.get("fix"):
        _line(say("fix", "解决办法"), told["fix"], fg="green")
    if found.cause is not None or not told.get("fix"):
        _show_post(found)


def _show_unknown(found: Diagnosis, cause: Cause) -> None:
    unknown = say("not known to `recipe`. It ended with:", "`recipe` 还不认识。最后的报错是：")
    _line(say("cause", "原因"), unknown, fg="yellow")
    for text in cause.traceback or [cause.evidence]:
        echo(f"    {text}")
    _show_post(found)


def _show_nothing(found: Diagnosis) -> None:
    if found.state is not None:
        words = {
            "done": say("this run is done: nothing failed", "这次运行已完成，没有失败"),
            "running": say("this run is still at work", "这次运行还在进行"),
        }
        other = say("nothing failed: it waits to be gone on with", "没有失败：等待继续运行")
        echo(f"{found.about}: {words.get(found.state, other)}")
        return
    nothing = say("nothing in this log says that something failed", "日志里没有出错的迹象")
    _line(say("cause", "原因"), nothing, fg="yellow")
    _show_post(found)


def _show_post(found: Diagnosis) -> None:
    if not found.post:
        return
    ask = say(
        "To ask for help, post this text (no secret and no home path is in it):",
        "求助时可以发出以下文字（其中没有密钥和个人目录）：",
    )
    echo(f"\n{ask}\n")
    echo(found.post)


def _line(label: str, text: str, **style: Any) -> None:
    first, *rest = text.splitlines() or [""]
    echo(f"  {label}: {first}", **style)
    for line in rest:
        echo(f"    {line.strip()}")
