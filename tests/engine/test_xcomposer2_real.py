"""The real finetune.py and merge_peft_adapter.py of the real checkout, on XComposer2's own code in
miniature, on the CPU.

RECIPE_OWN_MODELS/xcomposer2-lora holds config, code and tokenizer of InternLM-XComposer2-VL-7B (no
weights); the environment, or RECIPE_SOURCE_XCOMPOSER2_0F70C3E, the checkout.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engines import registry
from orchestrator.envs import inventory
from orchestrator.running import record as records
from tests.support.engine_runs import engine_slot, only_run, recipe, variables

pytestmark = pytest.mark.engine
NAME = "xcomposer2-lora"
RELEASE = registry.release("xcomposer2@0f70c3e")


@pytest.fixture(scope="module", autouse=True)
def _environment() -> None:
    if inventory.find(RELEASE) is None and "RECIPE_SOURCE_XCOMPOSER2_0F70C3E" not in os.environ:
        pytest.skip("no checkout of XComposer2 here (RECIPE_SOURCE_XCOMPOSER2_0F70C3E)")


@pytest.fixture(scope="module")
def model() -> Path:
    folder = Path(os.environ.get("RECIPE_OWN_MODELS", "")) / NAME
    if "RECIPE_OWN_MODELS" not in os.environ or not folder.is_dir():
        pytest.skip(f"no code of XComposer2 is named (RECIPE_OWN_MODELS/{NAME})")
    return folder


def sets(model: Path) -> list[str]:
    return ["--set", f"model.path={model}", "--set", "model.trust_remote_code=true"]


@pytest.fixture(scope="module")
def adapter(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished rehearsal of LoRA. Copy it, never change it."""
    workspace = tmp_path_factory.mktemp("adapter")
    done = recipe("run", NAME, "--rehearse", *sets(model), cwd=workspace)
    assert done.code == 0, done.output
    assert "recipe chat" not in done.output  # this engine has none
    run = only_run(workspace)
    assert "merged as it should be" in (run / "logs" / "merge.log").read_text()
    return run


def facts(run: Path, stage: str) -> dict[str, Any]:
    return records.read(run).stage(stage).facts


def test_an_adapter_is_trained_proved_and_merged(adapter: Path) -> None:
    record = records.read(adapter)
    assert (record.state, record.standin) == ("done", "own")
    trained = facts(adapter, "train")["adapter"]
    assert (trained["steps"], trained["modules"], trained["rank"]) == (3, 10, 64)
    assert trained["base"] == str(adapter / "standin")
    assert (adapter / "adapter" / "checkpoint-2" / "optimizer.pt").is_file()
    assert facts(adapter, "merge")["merged"]["types"] == "bfloat16"
    lists = (adapter / "data" / "data.txt").read_text().splitlines()
    assert [line.split(" ")[0] for line in lists] == ["data/1-vl_data.json"]  # no texts on a CPU


def test_it_goes_on_from_a_checkpoint(adapter: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(adapter, tmp_path / "run", symlinks=True))
    (run / "adapter" / "trainer_state.json").unlink()
    environment = inventory.find(RELEASE)
    assert environment is not None
    env = {**environment.environ(variables()), "RESUME_FROM": "adapter/checkpoint-2"}
    with engine_slot():
        done = subprocess.run(
            ["bash", str(run / "train.sh")], env={**env, "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    state = json.loads((run / "adapter" / "trainer_state.json").read_text())
    assert (state["global_step"], len(state["log_history"])) == (3, 4)
    assert "33%" not in done.stderr  # the first step was not taken again


def test_a_whole_model_is_trained_with_its_vision_tower(model: Path, tmp_path: Path) -> None:
    done = recipe("run", "xcomposer2-full", "--rehearse", *sets(model), cwd=tmp_path)
    assert done.code == 0, done.output
    trained = facts(only_run(tmp_path), "train")["work"]
    assert (trained["steps"], trained["types"]) == (3, "float32")


def test_without_the_models_code_it_is_a_contract_rehearsal(tmp_path: Path) -> None:
    done = recipe("run", NAME, "--rehearse=native", cwd=tmp_path)
    assert done.code == 0, done.output
    run = only_run(tmp_path)
    assert records.read(run).standin == "contract"
    assert [stage.name for stage in records.read(run).stages] == ["data", "render", "check"]
    assert facts(run, "check")["check.json"]["figures"]["rows"] == 16
    assert "CONTRACT REHEARSAL" in (run / "train.sh").read_text()
