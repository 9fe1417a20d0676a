"""The rendered train.sh really run by bash, with a finetune.py of ours that keeps the contract.

The real script is run in tests/engine/test_chatglm3_real.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.engines import chatglm3
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build

#: How the real one finds its checkpoint (finetune.py at the release's commit), and nothing else.
FINETUNE = """\
import json, os, sys
from helper_beside_it import SAID
flags = dict(zip(sys.argv[1::2], sys.argv[2::2]))
out = flags["--output_dir"]
found = 0
for name in os.listdir(out):
    if name.find("eckpoint") > 0:
        found = max(found, int(name.replace("checkpoint-", "")))
place = out + "\\\\checkpoint-" + str(found) if found else None
if place and not os.path.isfile(os.path.join(place, "trainer_state.json")):
    raise ValueError(f"Can't find a valid checkpoint at {place}")
print(json.dumps({"from": place, "rows": open(flags["--train_file"]).read(), "said": SAID}))
sys.exit(int(os.environ.get("FAILS", "0")))
"""
TORCHRUN = f"""\
#!/bin/sh
while [ "${{1#--}}" != "$1" ]; do shift; done
exec {sys.executable} "$@"
"""
TALKS = "chatglm3-toolalpaca-ptuning"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory whose name has a space, a checkout beside it, and a torchrun in bin/."""
    root = tmp_path / "a run"
    (root / "data").mkdir(parents=True)
    (root / "data" / "train.jsonl").write_text("the rows")
    demo = tmp_path / "a checkout" / "finetune_chatmodel_demo"
    demo.mkdir(parents=True)
    (demo / "finetune.py").write_text(FINETUNE)
    (demo / "helper_beside_it.py").write_text("SAID = 'imported from beside'\n")
    program = tmp_path / "bin" / "torchrun"
    program.parent.mkdir()
    program.write_text(TORCHRUN)
    program.chmod(0o755)
    job = build(load(TALKS, environ={}), must_find_rows=False)
    for file in chatglm3.files(job):
        (root / file.path).write_text(file.text)
    return root


def start(root: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """``bash train.sh`` from another folder than the run's."""
    env = {**os.environ, "CHATGLM3": str(root.parent / "a checkout"), **more}
    env["PATH"] = f"{root.parent / 'bin'}:{env['PATH']}"
    argv = ["bash", str(root / "train.sh"), *words]
    return subprocess.run(argv, cwd="/", env=env, capture_output=True, text=True, check=False)


def checkpoint(root: Path, name: str, *, whole: bool = True) -> None:
    folder = root / "work" / name
    folder.mkdir(parents=True)
    for file in ("optimizer.pt", "scheduler.pt", "pytorch_model.bin"):
        (folder / file).write_text("x")
    if whole:
        (folder / "trainer_state.json").write_text('{"global_step": 2}')


def test_paths_hold_from_any_folder_and_the_script_finds_its_own_modules(run: Path) -> None:
    done = start(run)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"rows": "the rows"' in done.stdout
    assert "imported from beside" in done.stdout


def test_no_pipe_hides_the_exit_code(run: Path) -> None:
    assert start(run, FAILS="7").returncode == 7


def test_it_goes_on_behind_the_backslash(run: Path) -> None:
    checkpoint(run, "checkpoint-2")
    checkpoint(run, "checkpoint-10")
    assert "Can't find a valid checkpoint" in start(run).stderr  # the script by itself
    newest = chatglm3.newest_checkpoint(run)
    assert newest == run / "work" / "checkpoint-10"
    done = start(run, RESUME_FROM="work/checkpoint-10")
    assert done.returncode == 0, done.stderr
    assert '"from": "work\\\\checkpoint-10"' in done.stdout


def test_a_checkpoint_that_was_cut_off_is_out_of_the_way(run: Path) -> None:
    """The script takes the highest number, and ends over the name tmp-checkpoint-N."""
    checkpoint(run, "checkpoint-2")
    checkpoint(run, "checkpoint-4", whole=False)
    checkpoint(run, "tmp-checkpoint-6", whole=False)
    newest = chatglm3.newest_checkpoint(run)
    assert newest == run / "work" / "checkpoint-2"
    done = start(run, RESUME_FROM="work/checkpoint-2")
    assert done.returncode == 0, done.stderr
    assert '"from": "work\\\\checkpoint-2"' in done.stdout
    aside = run / "superseded" / "cut-off"
    assert sorted(path.name for path in aside.iterdir()) == ["checkpoint-4", "tmp-checkpoint-6"]


def test_words_of_the_user_come_last(run: Path) -> None:
    (run / "other.jsonl").write_text("other rows")
    assert '"rows": "other rows"' in start(run, "--train_file", "other.jsonl").stdout


def test_without_the_checkout_it_says_which_variable(run: Path) -> None:
    done = start(run, CHATGLM3="/nowhere")
    assert done.returncode != 0
    assert "/nowhere/finetune_chatmodel_demo/finetune.py" in done.stderr
