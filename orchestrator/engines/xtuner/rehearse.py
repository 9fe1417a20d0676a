"""What a rehearsal changes in an XTuner recipe so that it runs on a CPU, each with its reason."""

from __future__ import annotations

from orchestrator.recipe.schema import Recipe

MAX_LENGTH = 256


def rehearse(recipe: Recipe) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe as a rehearsal runs it, and the list of changes in words."""
    train = recipe.train
    update: dict[str, object] = {}
    said: list[str] = []

    def change(key: str, value: object, why: str) -> None:
        if getattr(train, key) != value:
            said.append(f"train.{key}: {getattr(train, key)} -> {value} ({why})")
            update[key] = value

    if train.method == "qlora":
        change("method", "lora", "this release's bitsandbytes has no 4-bit kernels for a CPU")
    if train.optimizer and train.optimizer.startswith(("Paged", "AdamW8bit")):
        change("optimizer", "AdamW", "bitsandbytes optimizers need a GPU")
    change("precision", "fp32", "mixed precision needs a GPU")
    change("deepspeed", None, "DeepSpeed needs a GPU")
    change("gpus", None, "one process on the CPU")
    change("epochs", 1.0, "a few iterations are enough to try every step")
    change("max_steps", None, "one short epoch instead")
    change("accumulate", 1, "so that a few rows give optimizer steps")
    change("warmup_ratio", 0.0, "too few iterations to warm up")
    change("workers", 0, "one process on the CPU")
    change("flash_attention", None, "flash attention needs a GPU")
    change("max_length", min(train.max_length, MAX_LENGTH), "short sequences train fast")
    said.append("answers to the evaluation prompts: 600 -> 16 new tokens")
    changed = recipe.model_copy(update={"train": train.model_copy(update=update)})
    return changed, tuple(said)
