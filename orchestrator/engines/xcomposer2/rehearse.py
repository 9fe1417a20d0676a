"""What a rehearsal changes so that finetune.py runs on a CPU in a minute, each with its reason."""

from __future__ import annotations

from orchestrator.base.language import say
from orchestrator.recipe.schema import Recipe

#: The last step is in no checkpoint: the script itself must have saved it.
STEPS, SAVED = 3, 2
_GPU_OPTIONS = ("fp16", "bf16", "tf32", "fsdp", "fsdp_config", "torch_compile")


def rehearse(recipe: Recipe) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe as a rehearsal runs it, and the list of changes in words."""
    train = recipe.train
    update: dict[str, object] = {}
    said: list[str] = []

    def change(key: str, value: object, english: str, chinese: str) -> None:
        if getattr(train, key) != value:
            why = say(english, chinese)
            said.append(f"train.{key}: {getattr(train, key)} -> {value} ({why})")
            update[key] = value

    change("precision", "fp32", "mixed precision needs a GPU", "混合精度需要 GPU")
    change("deepspeed", None, "DeepSpeed needs a GPU", "DeepSpeed 需要 GPU")
    change("gpus", 1, "one process on the CPU", "CPU 上只用一个进程")
    change("accumulate", 1, "so that a few rows give optimizer steps", "让少量数据也能更新参数")
    change("max_steps", STEPS, "a few steps are enough", "几步就够了")
    change("save_steps", SAVED, "one checkpoint on the way", "中途保存一次")
    change("logging_steps", 1, "so that a few steps give a curve", "让几步也有曲线")
    change("workers", None, "one process on the CPU", "CPU 上只用一个进程")
    if train.report_to:
        change("report_to", [], "no tracker is told of a rehearsal", "预演不通知跟踪器")
    said.append(
        say(
            "rows without pictures: none is trained on, the model's own code moves them to a GPU",
            "不含图片的数据：不参与训练，模型自己的代码会把它们移到 GPU",
        )
    )
    kept = {key: one for key, one in recipe.engine_options.items() if key not in _GPU_OPTIONS}
    why = say("left out (it needs a GPU)", "去掉（需要 GPU）")
    said += [f"engine_options.{key}: {why}" for key in recipe.engine_options.keys() - kept.keys()]
    changed = {"train": train.model_copy(update=update), "engine_options": kept}
    return recipe.model_copy(update=changed), tuple(said)
