"""The real finetune.py of the real checkout, on ChatGLM3's own code in miniature, on the CPU.

RECIPE_OWN_MODELS/chatglm3-toolalpaca-ptuning holds config, code and tokenizer of ChatGLM3-6B (no
weights); the environment, or RECIPE_SOURCE_CHATGLM3_9ACC547, the checkout.
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
from tests.support.engine_runs import SECONDS, engine_slot, only_run, recipe, variables, words_of

pytestmark = pytest.mark.engine
NAME = "chatglm3-toolalpaca-ptuning"
RELEASE = registry.release("chatglm3@9acc547")


@pytest.fixture(scope="module", autouse=True)
def _environment() -> None:
    if inventory.find(RELEASE) is None and "RECIPE_SOURCE_CHATGLM3_9ACC547" not in os.environ:
        pytest.skip("no checkout of ChatGLM3 here (RECIPE_SOURCE_CHATGLM3_9ACC547)")


@pytest.fixture(scope="module")
def model() -> Path:
    folder = Path(os.environ.get("RECIPE_OWN_MODELS", "")) / NAME
    if "RECIPE_OWN_MODELS" not in os.environ or not folder.is_dir():
        pytest.skip(f"no code of ChatGLM3-6B is named (RECIPE_OWN_MODELS/{NAME})")
    return folder


def sets(model: Path, *more: str) -> list[str]:
    given = (f"model.path={model}", "model.trust_remote_code=true", *more)
    return [word for text in given for word in ("--set", text)]


@pytest.fixture(scope="module")
def prefix(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished rehearsal of P-Tuning. Copy it, never change it."""
    workspace = tmp_path_factory.mktemp("prefix")
    given = sets(model, "train.ptuning.prefix_length=8", "train.max_length=128")
    done = recipe("run", NAME, "--rehearse", *given, cwd=workspace)
    assert done.code == 0, done.output
    return only_run(workspace)


def facts(run: Path, stage: str) -> dict[str, Any]:
    return records.read(run).stage(stage).facts


def answers(run: Path, typed: str) -> str:
    """What `recipe chat` says to ``typed``."""
    with engine_slot():
        done = subprocess.run(
            words_of("chat", str(run), "--max-new-tokens", "4"),
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=run.parent,
            env=variables(),
            timeout=SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_prefix_is_trained_proved_and_talked_to(prefix: Path) -> None:
    record = records.read(prefix)
    assert (record.state, record.standin) == ("done", "own")
    trained = facts(prefix, "train")["work"]
    assert (trained["steps"], trained["prefix_length"], trained["types"]) == (4, 8, "float32")
    table = (prefix / "sanity.txt").read_text()
    assert "'[gMASK]':  64790 ->   -100" in table
    assert "'<|assistant|>':  64796 ->   -100" in table
    assert answers(prefix, "hello\n").count("Response:") == 1


def test_it_goes_on_from_a_checkpoint(prefix: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(prefix, tmp_path / "run", symlinks=True))
    (run / "work" / "checkpoint-4").rename(run / "checkpoint-4")
    (run / "work" / "trainer_state.json").unlink()
    environment = inventory.find(RELEASE)
    assert environment is not None
    env = {**environment.environ(variables()), "RESUME_FROM": "work/checkpoint-2"}
    with engine_slot():
        done = subprocess.run(
            ["bash", str(run / "train.sh")], env=env, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr[-2000:]
    state = json.loads((run / "work" / "trainer_state.json").read_text())
    assert state["global_step"] == 4
    assert "Continuing training from global step 2" in done.stdout + done.stderr


def test_a_whole_model_is_float32(model: Path, tmp_path: Path) -> None:
    given = sets(
        model, "engine_options.max_source_length=32", "engine_options.max_target_length=32"
    )
    done = recipe("run", "chatglm3-advertisegen-full", "--rehearse", *given, cwd=tmp_path)
    assert done.code == 0, done.output
    run = only_run(tmp_path)
    assert facts(run, "train")["work"]["types"] == "float32"
    assert answers(run, "你好\n").count("Response:") == 1


def test_a_prefix_of_another_length_is_refused_before_training(
    prefix: Path, model: Path, tmp_path: Path
) -> None:
    given = sets(
        model, "train.ptuning.prefix_length=16", f"engine_options.ptuning_checkpoint={prefix}/work"
    )
    done = recipe("run", NAME, "--rehearse", *given, "--until", "check", cwd=tmp_path)
    assert done.code == 1
    assert "has 8 positions, and pre_seq_len is 16" in done.output
    assert "--set train.ptuning.prefix_length=8" in done.output


def test_without_the_models_code_it_is_a_contract_rehearsal(tmp_path: Path) -> None:
    done = recipe("run", NAME, "--rehearse=native", cwd=tmp_path)
    assert done.code == 0, done.output
    run = only_run(tmp_path)
    assert records.read(run).standin == "contract"
    assert [stage.name for stage in records.read(run).stages] == ["data", "render", "check"]
    assert facts(run, "check")["check.json"]["figures"]["rows_checked"] == 16
    assert "contract" in done.output.lower()
    assert "CONTRACT REHEARSAL" in (run / "train.sh").read_text()
