"""Whether what is left is worth keeping: finite, changed, all of it, to the last step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.engines.xtuner.checkpoints import whole_checkpoint
from tests.support.weight_files import Raw, filled, safetensors, torch_zip
from tests.unit.test_artifacts import check, put, root, wrong

__all__ = ["root"]


def test_after_nan_the_same_again_is_no_way_out(root: Path) -> None:
    broken = Raw("BF16", (2, 2), b"\xc0\x7f" * 4)
    put(root / "work" / "iter_8.pth", torch_zip({"a.weight": broken}))
    put(root / "merged" / "model-00001-of-00002.safetensors", safetensors({"w0": broken}))
    for path, kind in (("work", "checkpoint"), ("merged", "model")):
        text = wrong(root, path, kind)
        assert "holds NaN or infinite weights" in text
        assert "lower train.learning_rate" in text
        assert "the same command again" not in text


def mmengine(done: int, wanted: int, config: str = "") -> bytes:
    """A checkpoint with what mmengine keeps beside the weights."""
    told = {"runtime_info": {"max_iters": wanted, "iter": done - 1, "cfg": config}}
    return torch_zip({"a.weight": filled((2, 2))}, meta={"iter": done}, message_hub=told)


def test_a_training_that_stopped_before_its_last_step(root: Path) -> None:
    path = put(root / "work" / "iter_8.pth", mmengine(8, 8))
    assert check(root, "work", "checkpoint")["checkpoint"] == "iter_8.pth"
    path.write_bytes(mmengine(8, 20))
    text = wrong(root, "work", "checkpoint")
    assert "stopped before its last step" in text
    assert "iter_8.pth is of iteration 8 of 20" in text
    assert whole_checkpoint(root / "work") == path  # but it can be gone on with
    path.write_bytes(mmengine(8, 20, "default_hooks = dict(checkpoint=dict(save_last=False))"))
    assert check(root, "work", "checkpoint")["tensors"] == 1


def transformers(root: Path, **state: Any) -> None:
    put(root / "lf" / "train_results.json", {"train_loss": 1.5})
    put(root / "lf" / "all_results.json", {})
    put(root / "lf" / "trainer_log.jsonl", "{}")
    whole = {"global_step": 16, "max_steps": 16, "epoch": 1.0, "num_train_epochs": 1}
    put(root / "lf" / "trainer_state.json", {**whole, **state})


def test_a_trainer_that_stopped_before_its_last_step(root: Path) -> None:
    transformers(root)
    assert check(root, "lf", "training")["steps"] == 16
    transformers(root, global_step=3, epoch=0.1875)
    assert "3 of 16 steps were taken" in wrong(root, "lf", "training")
    transformers(root, global_step=0, epoch=0)
    assert "0 of 16 steps were taken" in wrong(root, "lf", "training")
    # An early stop is asked for; and all rows may be seen in fewer steps than were foretold.
    early = {"EarlyStoppingCallback": {"args": {}}}
    transformers(root, global_step=3, epoch=0.1875, stateful_callbacks=early)
    assert check(root, "lf", "training")["steps"] == 3
    transformers(root, global_step=15)
    assert check(root, "lf", "training")["steps"] == 15


def test_a_loss_that_is_no_number(root: Path) -> None:
    transformers(root)
    put(root / "lf" / "train_results.json", '{"train_loss": NaN}')
    text = wrong(root, "lf", "training")
    assert "without a finite loss" in text
    assert "lower train.learning_rate" in text


def llama(layers: int, byte: int = 1, dtype: str = "F32") -> dict[str, Raw]:
    names = [f"model.layers.{number}.mlp.up_proj.weight" for number in range(layers)]
    return {name: filled((4, 4), byte, dtype) for name in ("model.embed.weight", *names)}


def merged(root: Path, tensors: dict[str, Raw], *, base: dict[str, Raw], layers: int = 2) -> None:
    for old in (root / "merged").glob("model*"):
        old.unlink()
    put(root / "merged" / "model.safetensors", safetensors(tensors))
    put(root / "merged" / "config.json", {"num_hidden_layers": layers})
    put(root / "base" / "model.safetensors", safetensors(base))


def test_a_merged_model_differs_from_its_base(root: Path) -> None:
    changed = {**llama(2), "model.layers.1.mlp.up_proj.weight": filled((4, 4), 2)}
    merged(root, changed, base=llama(2))
    assert check(root, "merged", "model")["changed"] == 1
    merged(root, llama(2), base=llama(2))
    text = wrong(root, "merged", "model")
    assert "the model is the base model: training changed none" in text.lower()
    # What was only written in another precision is still the base model.
    ones = {"F32": b"\0\0\x80\x3f", "F16": b"\0\x3c", "BF16": b"\x80\x3f"}
    same = {
        kind: {name: Raw(kind, (4, 4), one * 16) for name in llama(2)} for kind, one in ones.items()
    }
    for new, old in [("F16", "F32"), ("BF16", "F32"), ("F16", "BF16"), ("F32", "BF16")]:
        merged(root, same[new], base=same[old])
        assert "is the base model" in wrong(root, "merged", "model")
    merged(root, same["F16"], base=llama(2, byte=63))
    assert check(root, "merged", "model")["changed"] == 3


def test_models_that_cannot_be_compared_are_not_judged(root: Path) -> None:
    quantised = {"model.embed.weight": filled((4, 4)), "model.layers.0.q.qweight": filled((4, 4))}
    merged(root, quantised, base=llama(2), layers=1)
    (root / "base" / "model.safetensors").rename(root / "base" / "model.safetensors.index.json")
    put(root / "base" / "model.safetensors.index.json", {"weight_map": {}})
    assert "changed" not in check(root, "merged", "model")


def test_a_base_is_not_compared_with_itself(root: Path) -> None:
    put(root / "base" / "model.safetensors", safetensors(llama(2)))
    put(root / "base" / "config.json", {"num_hidden_layers": 2})
    put(root / "base" / "tokenizer.json", {})
    assert check(root, "base", "model")["tensors"] == 3


@pytest.mark.parametrize("config", [{"num_hidden_layers": 3}, {"text_config": {"n_layer": 3}}])
def test_a_model_with_fewer_layers_than_its_config_says(root: Path, config: dict[str, Any]) -> None:
    merged(root, llama(2, 2), base={"other": filled((2, 2))})
    put(root / "merged" / "config.json", config)
    assert "config.json says 3 layers, the weights hold 2" in wrong(root, "merged", "model")
    merged(root, llama(2, 2), base=llama(3), layers=2)
    assert "1 of the base model's 3 model.layers are missing: 2" in wrong(root, "merged", "model")


def test_a_model_with_weights_that_are_zero_or_empty(root: Path) -> None:
    merged(root, llama(2, 0), base=llama(2))
    assert "every weight matrix is zero" in wrong(root, "merged", "model")
    name = "model.layers.1.mlp.up_proj.weight"
    merged(root, {**llama(2, 2), name: filled((4, 4), 0)}, base=llama(2))
    assert f"{name} is zero, and is not in the base model" in wrong(root, "merged", "model")
    merged(root, {**llama(2, 2), name: filled((0,))}, base=llama(2))
    text = wrong(root, "merged", "model")
    assert "weights without values" in text
    assert f"{name} has the shape [0]" in text
    biases = {f"{name}.bias": filled((4,), 0), "unused": filled((4, 4), 0)}
    merged(root, {**llama(2, 2), **biases}, base={**llama(2), **biases})
    assert check(root, "merged", "model")["changed"] == 3
