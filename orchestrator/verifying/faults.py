"""What is said of an artifact that is not what it should be."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say


def wrong(what: str, path: Path, why: str | None = None, fix: str | None = None) -> RecipeError:
    """The error of an artifact that is not what it should be."""
    again = say(
        "run the same command again; it goes on from this stage",
        "再次运行同一命令：会从此阶段继续",
    )
    sentence = what[0].upper() + what[1:] + say(".", "。")
    return RecipeError(sentence, where=str(path), why=why, fix=fix or again)


def diverged(what: str, path: Path, why: str) -> RecipeError:
    """The error of a training whose numbers ran away: the same again would end the same way."""
    fix = say(
        "lower train.learning_rate (a third of it), use bf16 rather than fp16, look for broken "
        "rows (recipe data check), and train again with that; or go on from a checkpoint before "
        "the loss became NaN",
        "降低 train.learning_rate（约三分之一）、用 bf16 而不是 fp16、检查坏行"
        "（recipe data check），然后重新训练；或从损失变成 NaN 之前的检查点继续",
    )
    return wrong(what, path, why, fix)
