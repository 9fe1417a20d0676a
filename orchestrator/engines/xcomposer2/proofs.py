"""What a finished training and a merge must have left, read without torch."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base.plan import Check, Facts, Proof
from orchestrator.engines.upstream.training import check_training, number_types
from orchestrator.verifying.artifacts import ADAPTER, MODEL, json_of, wrong

_NOT_LEARNT = (
    "the training diverged, or no answer was left to learn: train.max_length too short for a "
    "picture's 1,225 tokens, or rows in another form; a loss of 0.0 in the log is a NaN"
)


def check_lora(path: Path, base: Path | None) -> Facts:
    """LoRA's weights of the last step, whole, and the absolute path of the base model beside them.

    The script writes them after the last step where its local rank is 0; checkpoints come before.
    """
    facts = ADAPTER.check(path, base)
    config = json_of(path / "adapter_config.json", "the adapter has no adapter_config.json")
    named = Path(str(config.get("base_model_name_or_path") or ""))
    if not named.is_absolute():
        why = "whoever loads the adapter finds the base model by it, from any folder"
        raise wrong(f"adapter_config.json names the base model {str(named)!r}", path, why)
    if not (named / "config.json").is_file():
        raise wrong("the base model that adapter_config.json names is not there", named)
    return {**facts, "base": str(named)}


def check_whole(path: Path, base: Path | None) -> Facts:
    """Every weight, its code, and what a number takes."""
    facts = MODEL.check(path, base)
    return {**facts, "types": number_types(path)}


def check_merged(path: Path, base: Path | None) -> Facts:
    """A whole model without a trace of the adapter."""
    facts = check_whole(path, base)
    if (path / "adapter_config.json").exists():
        raise wrong("the merged model is still an adapter", path)
    return facts


def _trained(check: Check) -> Check:
    """A training that came to its end, and what ``check`` says of its weights."""
    return lambda path, base: {**check_training(path, _NOT_LEARNT), **check(path, base)}


LORA = Proof(name="adapter", check=_trained(check_lora), marker="adapter_config.json")
WHOLE = Proof(name="model", check=_trained(check_whole), marker="trainer_state.json")
MERGED = Proof(name="merged model", check=check_merged, marker="config.json")
