"""The scripts for the engine's own Python, with stand-ins of torch and transformers beside them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engines import chatglm3
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build
from orchestrator.planning.script import commands_script
from tests.support.engine_runs import REPOSITORY

ENGINES = REPOSITORY / "orchestrator" / "engines"
PROBES = ENGINES / "chatglm3" / "probes"
#: Runs in a Python of its own: rows in argv[1], the kind of rows in argv[2].
READ = """\
import json, sys
sys.path += [{shared!r}, {own!r}]
import look_rows, probe_findings
rows, wrong = look_rows.read(sys.argv[1], getattr(look_rows, sys.argv[2]))
print(json.dumps([len(rows), wrong, [one["what"] for one in probe_findings.FAULTS]]))
"""
TORCH = "class cuda:\n    is_available = staticmethod(lambda: False)\nfrom . import nn\n"
INFERENCE = """\
import sys
import torch
model = torch.nn.Module().cuda()
print(sys.argv[1:])
while True:
    print("Response:", input("Prompt:"))
"""
TRANSFORMERS = """\
import argparse
class HfArgumentParser(argparse.ArgumentParser):
    def parse_args_into_dataclasses(self):
        known, rest = self.parse_known_args()
        if rest:
            raise ValueError(f"not used by the HfArgumentParser: {rest}")
        return (known,)
"""
FINETUNE = """\
import beside
from transformers import HfArgumentParser
parser = HfArgumentParser()
parser.add_argument("--max_steps", type=int)
(known,) = parser.parse_args_into_dataclasses()
raise RuntimeError("it trained")
"""
PARSE = """\
import sys
sys.path += [{probes!r}, {stubs!r}]
from pathlib import Path
from script_flags import parsed
before = list(sys.argv)
try:
    print(parsed(Path({script!r}), sys.argv[1:])[0].max_steps)
except ValueError as error:
    print("refused:", error)
assert sys.argv == before
"""


def python(source: str, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", source, *map(str, words)],
        env={**os.environ, **more},
        input="hello\n",
        capture_output=True,
        text=True,
        check=False,
    )


def look(path: Path, kind: str, *rows: Any) -> tuple[int, int, list[str]]:
    """What the check says of these rows: how many, how many are wrong, the faults."""
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines))
    shared, own = REPOSITORY / "orchestrator" / "probes", PROBES
    done = python(READ.format(shared=str(shared), own=str(own)), path, kind)
    assert done.returncode == 0, done.stderr
    count, wrong, faults = json.loads(done.stdout)
    return count, wrong, faults


def talk(*turns: Any) -> dict[str, Any]:
    return {"conversations": [{"role": "user", "content": "x"}, *turns]}


def test_every_row_is_looked_at_not_the_first_alone(tmp_path: Path) -> None:
    good = talk({"role": "assistant", "content": "y"})
    wrong = (
        talk({"role": "tool", "name": "f"}),
        talk({"role": "tool", "parameters": {}}),
        talk({"role": "robot", "content": "y"}),
        talk({"role": "assistant"}),
        "{",
        [],
        {"prompt": "x"},
    )
    rows, bad, faults = look(tmp_path / "a.jsonl", "of_talk", good, *wrong, good)
    assert (rows, bad) == (9, 7)
    assert len(faults) == 5  # the first ones, so that a broken file does not fill the screen
    assert "a.jsonl:2: the row turn 2 of a tool has no parameters" in faults[0]
    assert "turn 2 of a tool has no name" in faults[1]
    assert "turn 2 has the role 'robot'" in faults[2]
    assert "of the assistant has no text" in faults[3]
    assert "is not JSON" in faults[4]


def test_pairs_need_both_texts(tmp_path: Path) -> None:
    pair = {"prompt": "x", "response": "y"}
    rows, bad, faults = look(tmp_path / "a.jsonl", "of_pair", pair, {"prompt": "x"})
    assert (rows, bad) == (2, 1)
    assert "a.jsonl:2: the row has no text in response" in faults[0]
    assert look(tmp_path / "b.jsonl", "of_pair")[2] == [f"{tmp_path}/b.jsonl holds no row."]


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """torch without a GPU, and transformers' parser, as a few lines."""
    folder = tmp_path / "stubs"
    (folder / "torch").mkdir(parents=True)
    (folder / "torch" / "__init__.py").write_text(TORCH)
    no_gpu = "class Module:\n    def cuda(self):\n        raise RuntimeError('no NVIDIA driver')\n"
    (folder / "torch" / "nn.py").write_text(no_gpu)
    (folder / "transformers.py").write_text(TRANSFORMERS)
    return folder


def test_a_talk_without_a_gpu_stays_on_the_cpu_and_ends_with_its_input(
    tmp_path: Path, stubs: Path
) -> None:
    """inference.py says .cuda() before it looks at --device, and ends with an EOFError."""
    demo = tmp_path / "ChatGLM3" / "finetune_chatmodel_demo"
    demo.mkdir(parents=True)
    (demo / "inference.py").write_text(INFERENCE)
    source = f"import runpy; runpy.run_path({str(PROBES / 'talk.py')!r}, run_name='__main__')"
    settings = {"CHATGLM3": str(demo.parent), "PYTHONPATH": str(stubs)}
    done = python(source, "--model", "m", **settings)
    assert done.returncode == 0, done.stderr
    assert "['--model', 'm', '--device', 'cpu']" in done.stdout
    assert "Response: hello" in done.stdout
    assert "--device', 'xpu']" in python(source, "--device", "xpu", **settings).stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--max_steps", "3"], "3\n"),
        (
            ["--max_steps", "three"],
            "refused: finetune.py: error: argument --max_steps: invalid int value: 'three'\n",
        ),
        (["--max_step", "3", "--loud"], "refused: not used by the HfArgumentParser: ['--loud']\n"),
    ],
)
def test_the_scripts_own_parser_is_asked_and_nothing_behind_it_runs(
    tmp_path: Path, stubs: Path, words: list[str], told: str
) -> None:
    (tmp_path / "finetune.py").write_text(FINETUNE)
    (tmp_path / "beside.py").write_text("")
    probes = str(ENGINES / "upstream" / "probes")
    script = str(tmp_path / "finetune.py")
    done = python(PARSE.format(probes=probes, stubs=str(stubs), script=script), *words)
    assert done.stdout == told, done.stderr


def checked(folder: Path, stubs: Path, flags: str) -> list[dict[str, str]]:
    """The faults that check.py finds in a train.sh with these flags."""
    (folder / "finetune.py").write_text(FINETUNE)
    (folder / "beside.py").write_text("")
    (folder / "train.sh").write_text(f"torchrun --nnodes=1 {folder}/finetune.py {flags}\n")
    request = {"method": "full", "format": "multi-turn", "model": "./m", "gpus": 1}
    done = subprocess.run(
        [sys.executable, str(PROBES / "check.py"), "check.json", json.dumps(request)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(stubs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    faults: list[dict[str, str]] = json.loads((folder / "check.json").read_text())["faults"]
    return faults


@pytest.mark.parametrize(
    ("flags", "what", "fix"),
    [
        ("--deepspeed a.json", "DeepSpeed trains on GPUs", "--set train.deepspeed=null"),
        ("--max_steps few", "does not take what was rendered", "look at this flag"),
        ("--max_stepps 3", "does not take what was rendered", "engine_options"),
    ],
)
def test_what_the_script_would_refuse_is_a_fault_with_a_next_step(
    tmp_path: Path, stubs: Path, flags: str, what: str, fix: str
) -> None:
    [fault] = checked(tmp_path, stubs, flags)
    assert what in fault["what"]
    assert fix in fault["fix"]


def test_by_hand_the_checkout_is_fetched_or_named(tmp_path: Path) -> None:
    """A pack's commands.sh needs no `recipe`: it fetches the commit, unless a variable names it."""
    job = build(load("chatglm3-toolalpaca-ptuning", environ={}), must_find_rows=False)
    script = commands_script(job)
    head = script.partition("# train")[0].replace('cd "$(dirname "$0")"', "")
    shown = head + '\necho "at $CHATGLM3"\n'
    asked = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CHATGLM3": "/my/own"}
    git = tmp_path / "git"
    git.write_text('#!/bin/sh\necho "git $*"\n')
    git.chmod(0o755)
    by_name = subprocess.run(
        ["bash", "-c", shown], cwd=tmp_path, env=asked, capture_output=True, text=True, check=True
    )
    assert by_name.stdout == "at /my/own\n"
    fetched = subprocess.run(
        ["bash", "-c", shown],
        cwd=tmp_path,
        env={"PATH": asked["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    [checkout] = chatglm3.releases[0].checkouts
    assert f"git clone --filter=blob:none --no-checkout {checkout.url}" in fetched.stdout
    assert f"checkout --quiet --detach {checkout.commit}" in fetched.stdout
    assert fetched.stdout.endswith(f"at {tmp_path}/ChatGLM3\n")
