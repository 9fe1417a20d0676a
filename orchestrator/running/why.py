"""Why a run failed, or why somebody's log ends as it does: the record and the table of causes."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator import __version__
from orchestrator.base import layout
from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.base.layout import RunPaths
from orchestrator.base.paths import runs_dir
from orchestrator.base.secrets import redacted
from orchestrator.causes import excerpt, sources
from orchestrator.causes.sources import Log
from orchestrator.causes.why import Cause, Ended, explain
from orchestrator.engines import registry
from orchestrator.running import directories
from orchestrator.running import record as records
from orchestrator.running.record import RunRecord, StageRecord


@dataclass(frozen=True)
class Diagnosis:
    """What can be said of a failure.

    ``about`` names the run or log. ``state`` is the run's ("failed", "done" …) or None for a log.
    ``told`` is the error as the run told it (what, why, fix). ``post`` is a text for an issue.
    """

    about: str
    cause: Cause | None
    post: str
    state: str | None = None
    stage: str | None = None
    told: Mapping[str, str] | None = None


def diagnose(name: str) -> Diagnosis:
    """The diagnosis of a run (its folder or name), a log file, or a folder of logs.

    Raises :class:`UsageError` when there is none of that name.
    """
    path = Path(name)
    if path.is_file() and path.name != layout.RECORD:
        return of_logs(name, {name: sources.read(path)})
    if path.is_dir() and not (path / layout.RECORD).is_file():
        logs = sources.in_folder(path)
        if not logs:
            raise UsageError(
                say(f"There is no log in {name}.", f"{name} 中没有日志。"),
                why=say("it has no *.log, *.out or *.err", "没有 *.log、*.out 或 *.err 文件"),
                fix=say(
                    "give the log file itself: recipe why FILE", "请直接给日志文件：recipe why FILE"
                ),
            )
        return of_logs(name, logs)
    root = path.parent if path.name == layout.RECORD else path
    return of_run(root if path.exists() else directories.find_run(name, runs_dir()))


def of_text(text: str) -> Diagnosis:
    """The diagnosis of what came through standard input."""
    return of_logs("-", {"-": Log(text)})


def of_logs(about: str, logs: Mapping[str, Log]) -> Diagnosis:
    """The diagnosis of anyone's logs, by name."""
    whole = "\n".join(log.text for log in logs.values())
    cause = explain({name: log.text for name, log in logs.items()}, registry.causes(whole))
    shown = logs[cause.log] if cause else max(logs.values(), key=lambda log: len(log.text))
    return Diagnosis(about, _placed(cause, logs), excerpt.to_post(cause, shown.text, _facts()))


def of_run(root: Path) -> Diagnosis:
    """The diagnosis of the stage at which the run in ``root`` stopped."""
    root = root.absolute()
    record = records.read(root)
    state = records.shown_state(record, root)
    stage = next((one for one in record.stages if one.state not in ("done", "waiting")), None)
    if state == "running" or stage is None:
        return Diagnosis(str(root), None, "", state)
    path = RunPaths(root).log(stage.name)
    log = sources.read(path).last_command() if path.is_file() else Log("")
    cause = _of_stage(record, stage, state, log)
    told = {key: str(stage.failure[key]) for key in ("what", "why", "fix") if _has(stage, key)}
    if not told and stage.error:  # a record of an earlier version
        told = {"what": stage.error}
    facts = {**_facts(), "engine": record.engine, "stage": stage.name, **_exit(stage)}
    if told:
        facts["error"] = told["what"]
    return Diagnosis(
        about=str(root),
        cause=_placed(cause, {"": log}, name=f"{layout.LOGS}/{path.name}"),
        post=excerpt.to_post(cause, log.text, facts),
        state=state,
        stage=stage.name,
        told=told or None,
    )


def _has(stage: StageRecord, key: str) -> bool:
    return stage.failure.get(key) is not None


def _of_stage(record: RunRecord, stage: StageRecord, state: str, log: Log) -> Cause | None:
    if state == "interrupted" and record.state == "running":
        return _left_behind()
    engine = registry.get(registry.release(record.engine).engine)
    code = stage.failure.get("code")
    asked = 130 if state == "interrupted" else None  # Ctrl-C, which the record calls so
    ended = Ended(
        code if isinstance(code, int) else asked, bool(stage.failure.get("out_of_memory"))
    )
    return explain(log.text, registry.causes(log.text, engine), ended)


def _left_behind() -> Cause:
    """The record says "running", and no process holds the run."""
    return Cause(
        id="run-left-behind",
        cause=say(
            "the `recipe` that ran it is gone without a word: it was killed, its terminal was "
            "closed, or the machine went down",
            "执行它的 `recipe` 没有留下任何信息就消失了：被强制结束、终端被关闭，或机器重启",
        ),
        fix=say(
            "run the same command again: it goes on from the newest checkpoint; on a remote "
            "machine start it in tmux",
            "再次运行同一命令：会从最新的检查点继续；在远程机器上请用 tmux 启动",
        ),
        evidence="run.json: state running, and no process holds the run",
        line=None,
        sure=True,
    )


def _placed(cause: Cause | None, logs: Mapping[str, Log], *, name: str = "") -> Cause | None:
    """The cause with the number of its line in the whole log, and without secrets."""
    if cause is None:
        return None
    before = logs[cause.log].before if cause.log in logs else 0
    line = None if cause.line is None else cause.line + before
    return replace(
        cause,
        log=name or cause.log,
        line=line,
        cause=redacted(cause.cause),
        evidence=redacted(cause.evidence.strip()),
        traceback=tuple(redacted(text) for text in excerpt.traceback_of(cause)),
    )


def _exit(stage: StageRecord) -> dict[str, str]:
    return {"exit code": str(stage.failure["code"])} if _has(stage, "code") else {}


def _facts() -> dict[str, str]:
    return {"recipe": __version__, "system": f"{platform.system()} {platform.machine()}"}
