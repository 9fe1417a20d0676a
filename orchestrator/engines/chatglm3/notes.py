"""What a recipe asks for that finetune.py does otherwise, or not at all, in words."""

from __future__ import annotations

from orchestrator.base.language import say
from orchestrator.engines.chatglm3.settings import LEARNING_RATE, is_ptuning, row_format
from orchestrator.recipe.schema import Recipe


def notes(recipe: Recipe) -> tuple[str, ...]:
    """Each in one line."""
    train, found = recipe.train, []
    if train.learning_rate == LEARNING_RATE:
        found.append(
            say(
                "--learning_rate is not passed: transformers' own 5e-5 holds, as in the tutorial's "
                "finetune_ds_multiturn.sh, which says LR=1e-4 and forgets to pass it",
                "未传 --learning_rate：使用 transformers 的默认值 5e-5，与教程的 "
                "finetune_ds_multiturn.sh 一致（该脚本写了 LR=1e-4 却没有传入）",
            )
        )
    if train.pack:
        found.append(
            say(
                "train.pack is not used: the script pads every row to the full length",
                "不使用 train.pack：脚本把每一行都填充到最大长度",
            )
        )
    if row_format(recipe) != "chatglm3":
        found.append(
            say(
                "train.max_length is not used for prompt-response rows: engine_options."
                "max_source_length and max_target_length are (1024 and 128)",
                "prompt-response 数据不使用 train.max_length，而用 engine_options 的 "
                "max_source_length 和 max_target_length（1024 和 128）",
            )
        )
    if is_ptuning(recipe) and train.precision in ("fp16", "bf16"):
        found.append(
            say(
                f"train.precision {train.precision}: the tutorial's P-Tuning scripts do not pass "
                "it; the frozen model is half and the prefix float in any case",
                f"train.precision {train.precision}：教程的 P-Tuning 脚本不传；"
                "冻结的模型总是半精度，前缀总是单精度",
            )
        )
    if recipe.evaluate.prompts:
        found.append(
            say(
                "evaluate.prompts are not asked: the script generates nothing while it trains",
                "不会提问 evaluate.prompts：脚本在训练中不生成文本",
            )
        )
    return tuple(found)
