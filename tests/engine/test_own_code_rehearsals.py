"""Rehearsals on a model's own code, through the real engines: what fits, and what does not.

RECIPE_OWN_MODELS names a folder of real ones: NAME/ holds config, code and tokenizer of the shipped
recipe NAME's model, and that recipe goes through every stage on it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.recipe.listing import listing
from orchestrator.running import record as records
from tests.support.engine_runs import (
    Done,
    engine_slot,
    only_run,
    recipe,
    variables,
    words_of,
)
from tests.support.own_model import OUTDATED, write_own_model

pytestmark = pytest.mark.engine
REAL = os.environ.get("RECIPE_OWN_MODELS")


def rehearsed(name: str, model: Path, workspace: Path, *words: str) -> Done:
    """The recipe's rehearsal on the model in the folder, whose code is trusted."""
    sets = (f"model.path={model}", "model.trust_remote_code=true")
    given = [word for text in sets for word in ("--set", text)]
    return recipe("run", name, "--rehearse", *given, *words, cwd=workspace)


def config_of(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config


def answered(run: Path, words: str) -> Done:
    """`recipe chat RUN` with ``words`` typed into it."""
    with engine_slot():
        done = subprocess.run(
            words_of("chat", str(run), "--max-new-tokens", "4"),
            input=words.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=run.parent,
            env=variables(),
            # An engine whose chat waits for an answer that a thread of its own failed to give.
            timeout=180,
            check=False,
        )
    return Done(done.returncode, done.stdout.decode("utf-8", errors="replace"))


@pytest.mark.parametrize(
    ("name", "farewell"),
    [("medqa-qlora", "hello\n\nEXIT\n\n"), ("medqa-lora-llamafactory", "hello\nexit\n")],
)
def test_own_code_goes_from_rows_to_a_chat(name: str, farewell: str, tmp_path: Path) -> None:
    """Trained, merged and asked by the same code, tokenizer and config, in miniature."""
    model = write_own_model(tmp_path / "bytelm")
    done = rehearsed(name, model, tmp_path)
    assert done.code == 0, done.output
    assert "its own code (configuration_bytelm.py, modeling_bytelm.py" in done.output
    run = only_run(tmp_path)
    record = records.read(run)
    assert (record.state, record.standin) == ("done", "own")
    small = config_of(run / "standin")
    whole = config_of(model)
    assert (small["num_layers"], small["hidden_size"], small["ffn_hidden_size"]) == (2, 64, 128)
    assert {key: small[key] for key in ("auto_map", "vocab_size")} == {
        key: whole[key] for key in ("auto_map", "vocab_size")
    }
    assert config_of(run / "merged")["architectures"] == ["ByteForCausalLM"]
    assert "cannot answer" not in done.output
    chat = answered(run, farewell)
    assert chat.code == 0, chat.output
    # Rows and stand-in stay while nothing changes; code that was mended makes another one.
    (model / "modeling_bytelm.py").write_text(OUTDATED, encoding="utf-8")
    again = rehearsed(name, model, tmp_path, "--until", "model")
    assert again.code == 1
    assert "the model's own code does not fit this release's transformers" in again.output
    assert "'ByteConfig' object has no attribute 'a_name_of_old'" in again.output
    assert "--rehearse=native" in again.output


def test_the_oldest_release_makes_it_too(tmp_path: Path) -> None:
    """transformers 4.34, which loads code and saves weights by other ways."""
    model = write_own_model(tmp_path / "bytelm")
    done = rehearsed("medqa-qlora-0.1.9", model, tmp_path, "--until", "check")
    assert done.code == 0, done.output
    assert config_of(only_run(tmp_path) / "standin")["num_layers"] == 2


def real_ones() -> list[str]:
    """The shipped recipes whose model's own files are here."""
    return [one.name for one in listing() if REAL is not None and (Path(REAL) / one.name).is_dir()]


@pytest.mark.parametrize("name", real_ones() or [None])
def test_a_real_models_code(name: str | None, tmp_path: Path) -> None:
    if name is None:
        pytest.skip("no folder with real models' own code is named (RECIPE_OWN_MODELS)")
    model = Path(shutil.copytree(Path(str(REAL)) / name, tmp_path / "model"))
    given = ["-p", "name=张三"] if name.startswith("self-cognition") else []
    done = rehearsed(name, model, tmp_path, *given)
    assert done.code == 0, done.output
    record = records.read(only_run(tmp_path))
    assert (record.state, record.standin) == ("done", "own")
