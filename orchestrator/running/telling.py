"""What a run says of its stages: an error on its way to the record and to the reader."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.secrets import without_secrets
from orchestrator.running.record import Failure


def as_kept(error: RecipeError) -> Failure:
    """What the record keeps of an error, for whoever asks later why."""
    told: Failure = without_secrets({"what": error.what, "why": error.why, "fix": error.fix})
    return told


#: A next step with these words says itself how to go on; a download "again" does not.
_GOES_ON = ("same command again", "train again", "--from", "同一命令", "重新训练", "再次运行")


def add_stage(error: RecipeError, stage: str, log: Path | None) -> None:
    """Let the error name the stage, the log and how to go on."""
    log_line = say(f"log {log}", f"日志 {log}") if log else None
    of_stage = say(f"stage {stage}", f"阶段 {stage}")
    error.where = "\n         ".join(filter(None, (of_stage, error.where, log_line)))
    error.fix = error.fix or say("remove the cause", "排除原因")
    if not any(words in error.fix for words in _GOES_ON):
        error.fix += say(
            "; then run the same command again: it goes on from this stage",
            "；然后再次运行同一命令：会从这个阶段继续",
        )


def goes_on_from(checkpoint: Path) -> str:
    """Why a stage that was cut off runs again."""
    return say(f"training goes on from {checkpoint.name}", f"从 {checkpoint.name} 继续训练")


def how_to_go_on() -> str:
    return say("run the same command again to go on", "再次运行同一命令即可继续")


def ended_what_was_left() -> str:
    return say(
        "ended the engine that an earlier, killed `recipe` left behind",
        "已结束先前被强行终止的 recipe 留下的引擎进程",
    )
