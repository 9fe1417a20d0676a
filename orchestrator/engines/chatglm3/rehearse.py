"""What a rehearsal changes so that finetune.py runs on a CPU in a minute, each with its reason."""

from __future__ import annotations

from orchestrator.base.language import say
from orchestrator.recipe.schema import Recipe

MAX_LENGTH = 256
STEPS = 4
_GPU_OPTIONS = ("fp16", "bf16", "tf32", "fsdp", "fsdp_config", "torch_compile", "quantization_bit")


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

    if train.precision in ("fp16", "bf16"):
        change("precision", "fp32", "mixed precision needs a GPU", "混合精度需要 GPU")
    change("deepspeed", None, "DeepSpeed needs a GPU", "DeepSpeed 需要 GPU")
    change("gpus", None, "one process on the CPU", "CPU 上只用一个进程")
    change("batch_size", 1, "few rows", "数据很少")
    change("accumulate", 1, "so that a few rows give optimizer steps", "让少量数据也能更新参数")
    change("epochs", None, "a few steps are enough", "几步就够了")
    change("max_steps", STEPS, "a few steps are enough", "几步就够了")
    change("save_steps", STEPS // 2, "one checkpoint on the way", "中途保存一次")
    change("logging_steps", 1, "so that a few steps give a curve", "让几步也有曲线")
    change("workers", None, "one process on the CPU", "CPU 上只用一个进程")
    if train.report_to:
        change("report_to", [], "no tracker is told of a rehearsal", "预演不通知跟踪器")
    shorter = min(train.max_length, MAX_LENGTH)
    change("max_length", shorter, "short sequences train fast", "短序列训练得快")
    if train.ptuning.quantization_bit is not None:
        why = say("its kernels need a GPU", "其内核需要 GPU")
        said.append(f"train.ptuning.quantization_bit -> null ({why})")
        update["ptuning"] = train.ptuning.model_copy(update={"quantization_bit": None})
    options, more = _options(recipe)
    changed = {"train": train.model_copy(update=update), "engine_options": options}
    return recipe.model_copy(update=changed), (*said, *more)


def _options(recipe: Recipe) -> tuple[dict[str, object], list[str]]:
    """Options without those that need a GPU; the device is the CPU."""
    said, kept = [], {}
    for key, value in recipe.engine_options.items():
        if key in _GPU_OPTIONS:
            why = say("it needs a GPU", "需要 GPU")
            said.append(f"engine_options.{key}: {value} -> {say('left out', '去掉')} ({why})")
        elif key in ("max_source_length", "max_target_length") and value > MAX_LENGTH // 2:
            said.append(f"engine_options.{key}: {value} -> {MAX_LENGTH // 2}")
            kept[key] = MAX_LENGTH // 2
        else:
            kept[key] = value
    return {**kept, "use_cpu": True}, [*said, "engine_options.use_cpu: true"]
