"""What a recipe asks for that finetune.py does otherwise, or not at all, in words."""

from __future__ import annotations

from orchestrator.base.language import say
from orchestrator.engines.xcomposer2.settings import is_lora
from orchestrator.recipe.schema import Recipe


def notes(recipe: Recipe) -> tuple[str, ...]:
    """Each in one line."""
    found = []
    if is_lora(recipe) and recipe.engine_options.get("fix_sampler") is False:
        found.append(
            say(
                "fix_sampler False does nothing with LoRA: the script saves LoRA's weights alone",
                "使用 LoRA 时 fix_sampler False 不起作用：脚本只保存 LoRA 的权重",
            )
        )
    if recipe.train.pack:
        found.append(
            say("train.pack is not used: one row a step", "不使用 train.pack：每步一行数据")
        )
    if recipe.evaluate.prompts:
        found.append(
            say(
                "evaluate.prompts are not asked: the script generates nothing while it trains",
                "不会提问 evaluate.prompts：脚本在训练中不生成文本",
            )
        )
    if recipe.export.merge and not is_lora(recipe):
        found.append(
            say("export.merge: a whole model needs none", "export.merge：完整模型无需合并")
        )
    return tuple(found)
