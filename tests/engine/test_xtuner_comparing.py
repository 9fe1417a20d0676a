"""`recipe compare` on a finished rehearsal, and on copies with the faults that it must name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from orchestrator.base.weights import tensors
from tests.support.engine_runs import recipe
from tests.support.weight_files import Raw, safetensors


def compared(run: Path) -> dict[str, Any]:
    words = ("compare", str(run), "--rows", "2", "--max-new-tokens", "4")
    done = recipe(*words, cwd=run)
    assert done.code == 0, done.output
    assert "THIS IS A REHEARSAL" in done.output
    value: dict[str, Any] = json.loads((run / "compare.json").read_text("utf-8"))
    return value


def bad(value: dict[str, Any]) -> set[str]:
    return {one["id"] for one in value["verdicts"] if one["level"] == "bad"}


def read(file: Path) -> dict[str, Raw]:
    return {
        name: Raw(one.dtype, tuple(one.shape), b"".join(one.chunks()))
        for name, one in tensors(file).items()
    }


def replace(folder: Path, old: str, new: str, weights: dict[str, Raw]) -> None:
    """Weights of ``folder`` as a safetensors file in place of the old file."""
    (folder / old).unlink()
    (folder / new).write_bytes(safetensors(weights, {"format": "pt"}))


def test_a_finished_run_is_whole_and_its_models_are_asked_the_same(run: Path) -> None:
    value = compared(run)
    assert not bad(value) & {"damaged-export", "not-merged", "wrong-base"}
    assert list(value["models"]) == ["base", "adapter", "merged"]
    assert (value["prompts"], value["rows"], value["rows_held_out"]) == (2, 2, 15)
    assert value["weights"]["adapter"] == {"modules": 14, "zero": 0}
    assert len(value["weights"]["merged"]["as_it_should"]) >= 3
    assert value["agreement"]["of"] == 4
    # An untrained model knows nothing: its loss is near that of an even guess.
    losses = [one["loss"] for one in value["models"].values()]
    assert all(6 < loss < 9 for loss in losses)
    assert abs(losses[1] - losses[2]) < 0.01


def test_an_adapter_of_zeros_and_numbers_that_are_none_are_named(run: Path) -> None:
    zero = {
        name: Raw(one.dtype, one.shape, bytes(len(one.data))) if "lora_B" in name else one
        for name, one in read(run / "adapter" / "adapter_model.bin").items()
    }
    replace(run / "adapter", "adapter_model.bin", "adapter_model.safetensors", zero)
    merged = read(run / "merged" / "pytorch_model.bin")
    name = "model.norm.weight"
    no_numbers = b"\xff" * len(merged[name].data)
    merged[name] = merged[name]._replace(data=no_numbers)
    replace(run / "merged", "pytorch_model.bin", "model.safetensors", merged)
    assert {"nothing-learnt", "damaged-export"} <= bad(compared(run))


def test_an_export_without_the_adapter_is_named(run: Path) -> None:
    (run / "merged" / "pytorch_model.bin").unlink()
    shutil.copy(run / "standin" / "model.safetensors", run / "merged")
    assert bad(compared(run)) & {"not-merged", "wrong-base", "damaged-export"} == {"not-merged"}


def test_another_base_model_is_named(run: Path) -> None:
    base = {
        name: one._replace(data=one.data[400:] + one.data[:400])
        for name, one in read(run / "standin" / "model.safetensors").items()
    }
    replace(run / "standin", "model.safetensors", "model.safetensors", base)
    assert "wrong-base" in bad(compared(run))
