"""Whether what a stage left behind is there, new and whole."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base.errors import RecipeError
from orchestrator.base.plan import Artifact
from orchestrator.engines.llamafactory.checkpoints import TRAINING
from orchestrator.engines.xtuner.checkpoints import CHECKPOINT, newest_checkpoint, whole_checkpoint
from orchestrator.verifying.artifacts import ADAPTER, CHECK, FILE, MODEL, ROWS, verify
from orchestrator.verifying.content import stamps
from tests.support.weight_files import Raw, adapter_tensors, filled, safetensors, torch_zip

MODULES = [f"model.layers.{n}.self_attn.{name}" for n in (0, 1) for name in ("q_proj", "v_proj")]


def put(path: Path, body: bytes | str | dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(body) if isinstance(body, dict) else body
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


PROOFS = {proof.name: proof for proof in (ADAPTER, CHECK, CHECKPOINT, FILE, MODEL, ROWS, TRAINING)}


def check(
    root: Path, path: str, kind: str, *, before: dict[str, tuple[int, ...]] | None = None
) -> dict[str, Any]:
    artifact = Artifact(path=path, proof=PROOFS[kind])
    return verify(artifact, root, before=before or {}, base=root / "base")


def wrong(
    root: Path, path: str, kind: str, *, before: dict[str, tuple[int, ...]] | None = None
) -> str:
    with pytest.raises(RecipeError) as caught:
        check(root, path, kind, before=before)
    assert caught.value.where
    assert str(root) in caught.value.where
    return str(caught.value)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run directory in which everything is whole."""
    put(tmp_path / "work" / "iter_8.pth", torch_zip({"a.weight": filled((2, 2))}))
    put(tmp_path / "work" / "last_checkpoint", "/another/machine/work/iter_8.pth")
    base = {f"{name}.weight": filled((4, 4)) for name in MODULES}
    put(tmp_path / "base" / "model.safetensors", safetensors(base))
    put(
        tmp_path / "adapter" / "adapter_config.json",
        {"r": 2, "target_modules": ["q_proj", "v_proj"]},
    )
    put(tmp_path / "adapter" / "adapter_model.safetensors", safetensors(adapter_tensors(MODULES)))
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for number, name in enumerate(names):
        put(tmp_path / "merged" / name, safetensors({f"w{number}": filled((2,))}))
    index = {"weight_map": {"w0": names[0], "w1": names[1]}}
    put(tmp_path / "merged" / "model.safetensors.index.json", index)
    for name in ("config.json", "tokenizer.json"):
        put(tmp_path / "merged" / name, {})
    return tmp_path


def test_facts_of_what_is_whole(root: Path) -> None:
    assert check(root, "adapter", "adapter") == {"modules": 4, "tensors": 8, "rank": 2}
    merged = check(root, "merged", "model")
    assert (merged["shards"], merged["tensors"]) == (2, 2)
    work = check(root, "work", "checkpoint")
    assert (work["checkpoint"], work["tensors"]) == ("iter_8.pth", 1)
    assert check(root, "work/last_checkpoint", "file") == {"bytes": 32}


@pytest.mark.parametrize("kind", ["file", "rows", "checkpoint", "adapter", "model"])
def test_what_was_not_made(root: Path, kind: str) -> None:
    assert "The stage made no nothing." in wrong(root, "nothing", kind)


@pytest.mark.parametrize("clock", [-3600, 0, 3600])
def test_what_the_stage_did_not_write(root: Path, clock: int) -> None:
    """Whatever the clock of the file system says: a file is new when it is another than before."""
    before = stamps(root / "merged")
    assert "wrote nothing new to merged" in wrong(root, "merged", "model", before=before)
    put(root / "merged" / "config.json", {})
    moment = time.time() + clock
    os.utime(root / "merged" / "config.json", (moment, moment))
    assert check(root, "merged", "model", before=before)["shards"] == 2


@pytest.mark.parametrize(("text", "count"), [("{}\n\n{}\n", 2), ("{}", 1)])
def test_rows_are_counted(root: Path, text: str, count: int) -> None:
    put(root / "rows.jsonl", text)
    assert check(root, "rows.jsonl", "rows") == {"rows": count}


def test_a_file_without_rows_or_bytes(root: Path) -> None:
    put(root / "rows.jsonl", "\n\n")
    assert "The file rows.jsonl holds no row." in wrong(root, "rows.jsonl", "rows")
    put(root / "empty", "")
    assert "The file empty is empty." in wrong(root, "empty", "file")


def test_the_pointer_is_read_and_the_newest_never_guessed(root: Path) -> None:
    put(root / "work" / "iter_9.pth", b"not named by last_checkpoint")
    assert newest_checkpoint(root / "work") == root / "work" / "iter_8.pth"
    put(root / "work" / "last_checkpoint", "")
    assert newest_checkpoint(root / "work") is None
    assert "left no checkpoint" in wrong(root, "work", "checkpoint")
    (root / "work" / "last_checkpoint").unlink()
    assert newest_checkpoint(root / "work") is None


def test_every_cut_of_a_checkpoint_is_found(root: Path) -> None:
    path = root / "work" / "iter_8.pth"
    body = path.read_bytes()
    assert whole_checkpoint(root / "work") == path
    for length in range(0, len(body), 7):
        path.write_bytes(body[:length])
        assert "The file iter_8.pth cannot be loaded." in wrong(root, "work", "checkpoint")
        assert whole_checkpoint(root / "work") is None


def test_a_deepspeed_checkpoint_is_a_folder(root: Path) -> None:
    folder = root / "work" / "iter_8.pth"
    folder.unlink()
    states = put(
        folder / "mp_rank_00_model_states.pt", torch_zip({"a": filled((2,))}, under="module")
    )
    optimizer = put(folder / "bf16_zero_pp_rank_0_optim_states.pt", torch_zip({}, under="x"))
    assert check(root, "work", "checkpoint")["tensors"] == 1
    optimizer.write_bytes(optimizer.read_bytes()[:-9])
    assert "optim_states.pt cannot be loaded" in wrong(root, "work", "checkpoint")
    states.unlink()
    assert "no model states" in wrong(root, "work", "checkpoint")


def test_a_checkpoint_without_weights(root: Path) -> None:
    put(root / "work" / "iter_8.pth", torch_zip({}))
    assert "holds no weights" in wrong(root, "work", "checkpoint")


def adapter(root: Path, tensors: dict[str, Raw]) -> None:
    put(root / "adapter" / "adapter_model.safetensors", safetensors(tensors))


def test_an_adapter_of_an_older_peft(root: Path) -> None:
    (root / "adapter" / "adapter_model.safetensors").unlink()
    body = torch_zip(adapter_tensors(MODULES), under=None)
    put(root / "adapter" / "adapter_model.bin", body)
    assert check(root, "adapter", "adapter")["modules"] == 4


def test_an_adapter_that_does_nothing(root: Path) -> None:
    adapter(root, adapter_tensors(MODULES, b=0))
    text = wrong(root, "adapter", "adapter")
    assert "every lora_B weight is zero" in text
    assert "do not belong together" in text


def test_an_adapter_of_which_one_module_is_zero_is_fine(root: Path) -> None:
    adapter(root, {**adapter_tensors(MODULES[:1], b=0), **adapter_tensors(MODULES[1:])})
    assert check(root, "adapter", "adapter")["modules"] == 4


def test_an_adapter_that_diverged(root: Path) -> None:
    tensors = adapter_tensors(MODULES)
    name = next(iter(tensors))
    tensors[name] = Raw("F32", (2, 4), b"\x00\x00\xc0\x7f" * 8)
    adapter(root, tensors)
    assert "NaN or infinite" in wrong(root, "adapter", "adapter")


def test_an_adapter_with_a_lost_side(root: Path) -> None:
    tensors = adapter_tensors(MODULES)
    del tensors[next(iter(tensors))]
    adapter(root, tensors)
    assert "is not whole" in wrong(root, "adapter", "adapter")


@pytest.mark.parametrize("targets", [["q_proj", "v_proj"], r".*\.(q|v)_proj"])
def test_an_adapter_that_lacks_a_target(root: Path, targets: Any) -> None:
    put(root / "adapter" / "adapter_config.json", {"r": 2, "target_modules": targets})
    adapter(root, adapter_tensors(MODULES[:-1]))
    text = wrong(root, "adapter", "adapter")
    assert "lacks 1 of 4 modules" in text
    assert MODULES[-1] in text


def test_targets_of_a_base_with_an_index(root: Path) -> None:
    (root / "base" / "model.safetensors").unlink()
    index = {"weight_map": {f"{name}.weight": "x.bin" for name in [*MODULES, "lm_head"]}}
    put(root / "base" / "pytorch_model.bin.index.json", index)
    assert check(root, "adapter", "adapter")["modules"] == 4
    adapter(root, adapter_tensors(MODULES[1:]))
    assert "lacks 1 of 4" in wrong(root, "adapter", "adapter")


def test_an_adapter_without_its_files(root: Path) -> None:
    (root / "adapter" / "adapter_model.safetensors").unlink()
    assert "the adapter has no weights" in wrong(root, "adapter", "adapter").lower()
    put(root / "adapter" / "adapter_config.json", "{")
    assert "is not JSON" in wrong(root, "adapter", "adapter")
    (root / "adapter" / "adapter_config.json").unlink()
    assert "no adapter_config.json" in wrong(root, "adapter", "adapter")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config.json", "The model has no config.json."),
        ("tokenizer.json", "The model has no tokenizer."),
        ("model-00002-of-00002.safetensors", "model-00002-of-00002.safetensors: missing"),
        ("model.safetensors.index.json", "no model.safetensors.index.json"),
    ],
)
def test_a_model_without_one_of_its_files(root: Path, name: str, words: str) -> None:
    (root / "merged" / name).unlink()
    assert words in wrong(root, "merged", "model")


def test_a_shard_that_does_not_match_the_index(root: Path) -> None:
    put(root / "merged" / "model-00002-of-00002.safetensors", safetensors({"other": filled((2,))}))
    assert "tensors of the index are not in it, as w1" in wrong(root, "merged", "model")


def test_a_model_without_weights_and_an_empty_folder(root: Path) -> None:
    put(root / "bare" / "config.json", {})
    assert "The model folder has no weights." in wrong(root, "bare", "model")
    (root / "none").mkdir()
    wrong(root, "none", "model")


def test_the_engines_own_check_is_told_in_full(root: Path) -> None:
    faults = [{"what": "No GPU.", "why": "w", "fix": "f"}, {"what": "No template.", "fix": None}]
    put(root / "check.json", {"faults": faults, "warnings": []})
    with pytest.raises(RecipeError) as caught:
        check(root, "check.json", "check")
    assert (caught.value.what, caught.value.why) == ("No GPU.", "w")
    assert caught.value.fix == "f\nalso: No template."
    put(root / "check.json", {"faults": [], "warnings": ["w"], "figures": {"rows": 3}})
    assert check(root, "check.json", "check")["figures"] == {"rows": 3}
