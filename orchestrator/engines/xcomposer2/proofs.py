"""What a finished training and a merge must have left, read without torch."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base.language import say
from orchestrator.base.plan import Check, Facts, Proof
from orchestrator.engines.upstream.training import check_training, number_types
from orchestrator.verifying.artifacts import ADAPTER, MODEL, json_of, wrong


def _not_learnt() -> str:
    return say(
        "the training diverged, or no answer was left to learn: train.max_length too short for a "
        "picture's 1,225 tokens, or rows in another form; a loss of 0.0 in the log is a NaN",
        "训练发散，或没有剩下可学习的回答：train.max_length 容不下一张图片的 1,225 个 token，"
        "或数据行是别的格式；日志中为 0.0 的损失是 NaN",
    )


def check_lora(path: Path, base: Path | None) -> Facts:
    """LoRA's weights of the last step, whole, and the absolute path of the base model beside them.

    The script writes them after the last step where its local rank is 0; checkpoints come before.
    """
    facts = ADAPTER.check(path, base)
    config = json_of(
        path / "adapter_config.json",
        say("the adapter has no adapter_config.json", "适配器没有 adapter_config.json"),
    )
    named = Path(str(config.get("base_model_name_or_path") or ""))
    if not named.is_absolute():
        why = say(
            "whoever loads the adapter finds the base model by it, from any folder",
            "加载适配器时靠它在任何文件夹中找到基座模型",
        )
        raise wrong(
            say(
                f"adapter_config.json names the base model {str(named)!r}",
                f"adapter_config.json 写的基座模型是 {str(named)!r}",
            ),
            path,
            why,
        )
    if not (named / "config.json").is_file():
        raise wrong(
            say(
                "the base model that adapter_config.json names is not there",
                "adapter_config.json 所写的基座模型不存在",
            ),
            named,
        )
    return {**facts, "base": str(named)}


def check_whole(path: Path, base: Path | None) -> Facts:
    """Every weight, its code, and what a number takes."""
    facts = MODEL.check(path, base)
    return {**facts, "types": number_types(path)}


def check_merged(path: Path, base: Path | None) -> Facts:
    """A whole model without a trace of the adapter."""
    facts = check_whole(path, base)
    if (path / "adapter_config.json").exists():
        raise wrong(say("the merged model is still an adapter", "合并后的模型仍是适配器"), path)
    return facts


def _trained(check: Check) -> Check:
    """A training that came to its end, and what ``check`` says of its weights."""
    return lambda path, base: {**check_training(path, _not_learnt()), **check(path, base)}


LORA = Proof(name="adapter", check=_trained(check_lora), marker="adapter_config.json")
WHOLE = Proof(name="model", check=_trained(check_whole), marker="trainer_state.json")
MERGED = Proof(name="merged model", check=check_merged, marker="config.json")
