"""Faults injected at every stage of a real run: the truth is told and earlier results stay."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.envs.environment import Environment
from orchestrator.running import record as records
from tests.support.engine_runs import REPOSITORY, Done, in_engine, only_run, recipe, runs_of

AGAIN = ("run", "medqa-qlora", "--rehearse")
ZERO_EVERY_LORA_B = """
import sys, torch
path = sys.argv[1]
checkpoint = torch.load(path, map_location="cpu", weights_only=False)
for name, weight in checkpoint["state_dict"].items():
    if "lora_B" in name:
        weight.zero_()
torch.save(checkpoint, path)
"""


def tells(done: Done, run: Path, stage: str, *words: str) -> None:
    """Exit 1, the stage, the cause, the log's path and how to go on; and the record agrees."""
    assert done.code == 1, done.output
    for wanted in (f"stage {stage}", *words, f"{stage}.log", "run the same command again"):
        assert wanted in done.output, done.output
    record = records.read(run)
    assert (record.state, record.stage(stage).state) == ("failed", "failed")


def merged_files(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "merged").iterdir()}


def test_an_unknown_template_is_named_with_its_neighbour(workspace: Path) -> None:
    before = runs_of(workspace)
    done = recipe(*AGAIN, "--set", "model.template=internlm_chta", cwd=workspace)
    assert done.code == 2, done.output
    assert "xtuner@0.2.0 has no prompt template 'internlm_chta'" in done.output
    assert "did you mean internlm_chat?" in done.output
    assert runs_of(workspace) == before


def test_a_variable_that_xtuner_ignores_is_refused(workspace: Path, run: Path) -> None:
    before = merged_files(run)
    sets = ["--set", "engine_options.evaluation_frq=9", "--set", "engine_options.nonsense=1"]
    sets += ["--set", "engine_options.custom_hooks.+={type: xtuner.engine.hooks.ThroughputHok}"]
    done = recipe(*AGAIN, *sets, "--run", str(run), cwd=workspace)
    tells(done, run, "check", "evaluation_frq", "Did you mean evaluation_freq?", "nonsense")
    assert "has no ThroughputHok. Did you mean ThroughputHook?" in done.output
    assert merged_files(run) == before


def test_a_tokenizer_that_is_gone(workspace: Path, run: Path) -> None:
    (run / "standin" / "tokenizer.json").unlink()
    done = recipe(*AGAIN, "--from", "check", cwd=workspace)
    tells(done, run, "check", "The tokenizer in ./standin cannot be loaded.")
    done = recipe(*AGAIN, "--until", "check", cwd=workspace)  # goes back to what is broken
    assert done.code == 0, done.output
    assert "standin/tokenizer.json is missing" in done.output


def test_a_checkpoint_that_is_cut_off(workspace: Path, run: Path) -> None:
    before = merged_files(run)
    (checkpoint,) = (run / "work").glob("*.pth")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-5000])
    done = recipe(*AGAIN, "--from", "convert", cwd=workspace)
    tells(done, run, "convert", "The engine's command did not finish", "the log's last lines")
    assert merged_files(run) == before
    assert not (run / "adapter").exists()


def test_an_adapter_that_does_nothing(
    workspace: Path, run: Path, xtuner_0_2_0: Environment
) -> None:
    """XTuner says "All done!" over it; the weights say otherwise."""
    script = workspace / "zero.py"
    script.write_text(ZERO_EVERY_LORA_B, encoding="utf-8")
    (checkpoint,) = (run / "work").glob("*.pth")
    done = in_engine(xtuner_0_2_0, str(script), str(checkpoint), cwd=workspace)
    assert done.code == 0, done.output
    done = recipe(*AGAIN, "-v", "--from", "convert", cwd=workspace)
    assert "All done!" in done.output
    tells(done, run, "convert", "every lora_B weight is zero")


OWN_CODE = {"auto_map": {"AutoTokenizer": ["own_code.Tokenizer", None]}}


@pytest.mark.parametrize("how", ["cut off", "no configuration", "code of its own"])
def test_a_merged_tokenizer_that_does_not_reload(
    workspace: Path, run: Path, xtuner_0_2_0: Environment, how: str
) -> None:
    folder = run / "merged"
    script = str(REPOSITORY / "orchestrator" / "probes" / "check_tokenizer.py")
    whole = in_engine(xtuner_0_2_0, script, str(folder), cwd=workspace)
    assert (whole.code, "the tokenizer reloads: " in whole.output) == (0, True)
    one, config = folder / "tokenizer.json", folder / "tokenizer_config.json"
    if how == "cut off":
        one.write_bytes(one.read_bytes()[:-100])
    elif how == "no configuration":
        config.unlink()
        one.unlink()
    else:
        config.write_text(json.dumps(OWN_CODE), encoding="utf-8")
    # Without trust, transformers falls back on its own class for the model's type: no code runs.
    trust = ["own-code"] if how == "code of its own" else []
    done = in_engine(xtuner_0_2_0, script, str(folder), *trust, cwd=workspace)
    assert done.code == 1
    assert "Traceback" in done.output
    assert "the tokenizer reloads" not in done.output


def test_a_merged_shard_that_is_gone_is_made_again(workspace: Path, run: Path) -> None:
    shard = next(p for p in (run / "merged").iterdir() if p.suffix in (".bin", ".safetensors"))
    before = shard.read_bytes()
    shard.unlink()
    done = recipe(*AGAIN, cwd=workspace)
    assert done.code == 0, done.output
    assert f"again: merged/{shard.name} is missing" in done.output
    assert "[6/7] convert" not in done.output
    assert shard.read_bytes() == before


def test_an_import_error_behind_exit_code_0(workspace: Path, run: Path) -> None:
    """XTuner turns it into a help text and exits 0."""
    broken = run / "shim" / "peft.py"
    broken.write_text("raise ImportError(\"No module named 'peft.tuners'\")\n", encoding="utf-8")
    done = recipe(*AGAIN, "--from", "convert", cwd=workspace)
    assert "command error: 'No module named 'peft.tuners''!" in done.output
    tells(done, run, "convert", "could not import its own tool", " env doctor` for this release")
    broken.unlink()
    done = recipe(*AGAIN, cwd=workspace)
    assert done.code == 0, done.output


def test_a_missing_engine(
    workspace: Path, run: Path, tmp_path: Path, xtuner_0_2_0: Environment
) -> None:
    """A Python that holds XTuner, whose folder has lost the command."""
    home = tmp_path / "own"
    (home / "bin").mkdir(parents=True)
    python = home / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {xtuner_0_2_0.python} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    cache = {"RECIPE_CACHE": str(tmp_path / "cache")}
    done = recipe(*AGAIN, "--force", "--python", str(python), cwd=workspace, env=cache)
    assert done.code == 1, done.output
    assert "has no program 'xtuner'" in done.output
    assert "env doctor xtuner@0.2.0" in done.output
    missing = ("--python", str(tmp_path / "nowhere" / "python"))
    done = recipe(*AGAIN, "--force", *missing, cwd=workspace, env=cache)
    assert done.code == 2, done.output
    assert "there is no such file" in done.output
    # A Python that was named is remembered, so another one has to be named now.
    done = recipe(*AGAIN, "--python", str(xtuner_0_2_0.python), cwd=workspace)
    assert done.code == 0, done.output
    assert records.read(run).state == "done"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes, which a test may make larger."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk; nothing else fills one honestly")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"this machine lets nobody mount a small disk: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk(small_disk: Path, tmp_path: Path, xtuner_0_2_0: Environment) -> None:
    where = {"RECIPE_RUNS": str(small_disk / "runs")}
    done = recipe(*AGAIN, cwd=tmp_path, env=where)
    assert done.code == 1, done.output
    assert "stage train" in done.output
    assert "the disk is full" in done.output, done.output
    assert "run the same command again" in done.output
    run = only_run(small_disk)
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["state"] != "done"
    subprocess.run(["mount", "-o", "remount,size=40m", str(small_disk)], check=True)
    done = recipe(*AGAIN, cwd=tmp_path, env=where)
    assert done.code == 0, done.output
    assert "check: done before" in done.output
    assert records.read(run).state == "done"
