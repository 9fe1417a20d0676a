"""What a training must have left: a prefix that is one, a whole model, and a last step."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base.errors import RecipeError
from orchestrator.base.plan import Proof
from orchestrator.engines.chatglm3 import proofs
from tests.support.weight_files import Raw, filled, torch_zip

EMBEDDING = "transformer.prefix_encoder.embedding.weight"
LOSSES = [{"loss": 11.0, "step": 1}, {"loss": 10.5, "step": 2}, {"train_loss": 10.7, "step": 2}]


def floats(*numbers: float, shape: tuple[int, ...]) -> Raw:
    return Raw("F32", shape, struct.pack(f"<{len(numbers)}f", *numbers))


def write(folder: Path, tensors: dict[str, Raw], **state: Any) -> Path:
    """A training's output with these weights."""
    folder.mkdir(exist_ok=True)
    told = {"global_step": 2, "max_steps": 2, "log_history": LOSSES, **state}
    (folder / "trainer_state.json").write_text(json.dumps(told))
    (folder / "config.json").write_text('{"pre_seq_len": 2, "model_type": "chatglm"}')
    (folder / "tokenizer.model").write_text("x")
    (folder / "pytorch_model.bin").write_bytes(torch_zip(tensors))
    return folder


PREFIX = {EMBEDDING: filled((2, 4))}
WHOLE = {"transformer.embedding.weight": filled((8, 4)), "transformer.output.weight": filled((8,))}


def test_a_prefix_is_told_by_its_length_and_type(tmp_path: Path) -> None:
    facts = proofs.PREFIX_ENCODER.check(write(tmp_path, PREFIX), None)
    assert (facts["steps"], facts["first_loss"], facts["last_loss"]) == (2, 11.0, 10.5)
    assert (facts["prefix_length"], facts["shape"], facts["types"]) == (2, [2, 4], "float32")


def test_a_whole_model_says_that_it_is_float32(tmp_path: Path) -> None:
    facts = proofs.WHOLE.check(write(tmp_path, WHOLE), None)
    assert (facts["shards"], facts["tensors"], facts["types"]) == (1, 2, "float32")


def test_shards_are_counted_and_a_lost_one_is_named(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)
    (tmp_path / "pytorch_model.bin").unlink()
    shards = {}
    for number, (name, raw) in enumerate(WHOLE.items(), 1):
        shards[name] = f"pytorch_model-0000{number}-of-00002.bin"
        (tmp_path / shards[name]).write_bytes(torch_zip({name: raw}))
    index = {"metadata": {"total_size": 160}, "weight_map": shards}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    facts = proofs.WHOLE.check(tmp_path, None)
    assert (facts["shards"], facts["types"]) == (2, "float32")
    (tmp_path / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(RecipeError, match="00002-of-00002"):
        proofs.WHOLE.check(tmp_path, None)


NAN = float("nan")


@pytest.mark.parametrize(
    ("proof", "tensors", "state", "what"),
    [
        (proofs.PREFIX_ENCODER, {EMBEDDING: floats(1, NAN, shape=(2, 1))}, {}, "NaN"),
        (proofs.PREFIX_ENCODER, {EMBEDDING: filled((3, 4))}, {}, "3 positions, its config says 2"),
        (proofs.PREFIX_ENCODER, {**PREFIX, **WHOLE}, {}, "more than the prefix"),
        (proofs.PREFIX_ENCODER, {}, {}, "holds no prefix"),
        (proofs.PREFIX_ENCODER, PREFIX, {"global_step": 1}, "ended at step 1 of 2"),
        (proofs.PREFIX_ENCODER, PREFIX, {"log_history": [{"loss": 0.0}]}, "its loss was 0.0"),
        (proofs.WHOLE, {"a": floats(NAN, shape=(1,))}, {}, "NaN"),
        (proofs.WHOLE, WHOLE, {"log_history": [{"loss": NAN}]}, "its loss was nan"),
    ],
)
def test_what_was_not_learnt_is_no_result(
    tmp_path: Path, proof: Proof, tensors: dict[str, Raw], state: dict[str, Any], what: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        proof.check(write(tmp_path, tensors, **state), None)
    assert what in f"{caught.value}"


def test_every_number_of_a_long_prefix_is_read(tmp_path: Path) -> None:
    many = 1 << 16
    numbers = floats(*[0.5] * (many - 1), NAN, shape=(2, many // 2))
    with pytest.raises(RecipeError, match="NaN"):
        proofs.PREFIX_ENCODER.check(write(tmp_path, {EMBEDDING: numbers}), None)


def test_steps_whose_rows_were_cut_away_are_counted(tmp_path: Path) -> None:
    losses = [{"loss": 0.0}, {"loss": 9.0}, {"loss": 0.0}, {"loss": 8.0}]
    facts = proofs.PREFIX_ENCODER.check(write(tmp_path, PREFIX, log_history=losses), None)
    assert (facts["first_loss"], facts["last_loss"]) == (9.0, 8.0)
    assert facts["steps_without_a_loss"] == 2


@pytest.mark.parametrize("name", ["trainer_state.json", "config.json", "pytorch_model.bin"])
def test_what_is_missing_is_named(tmp_path: Path, name: str) -> None:
    (write(tmp_path, PREFIX) / name).unlink()
    with pytest.raises(RecipeError, match=name):
        proofs.PREFIX_ENCODER.check(tmp_path, None)
