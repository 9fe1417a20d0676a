"""A local git repository whose scripts keep XComposer2's contract (our own code), and an
environment of small programs: real processes, no torch.

The scripts read their flags and the list as the contract says, and leave what the real ones leave.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.engines import registry
from orchestrator.engines.job import Job
from orchestrator.engines.xcomposer2.settings import FOLDER, VISION
from orchestrator.envs.environment import Environment
from orchestrator.envs.release import Checkout
from orchestrator.planning.job import build
from orchestrator.recipe.load import load
from orchestrator.running.deciding import Selection
from orchestrator.running.runner import Runner
from tests.support.fake_engine import Told
from tests.support.models import model_files
from tests.support.pictures import png
from tests.support.weight_files import adapter_tensors, filled, safetensors, torch_zip

MODULE = "model.layers.0.attention.wqkv"
FINETUNE = """\
import json, os, pathlib, shutil, sys
from data_mix import rows_of
words = sys.argv[1:]
flags = {word[2:]: words[at + 1] for at, word in enumerate(words) if word.startswith("--")}
out, model = pathlib.Path(flags["output_dir"]), flags["model_name_or_path"]
rows = rows_of(flags["data_path"])
print(json.dumps({"flags": flags, "rows": len(rows), "pythonpath": os.environ.get("PYTHONPATH")}))
made = pathlib.Path(__file__).parent / "made"
lora = flags["use_lora"] == "True"
def save(folder, step):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copy(os.path.join(model, name), folder)
    if lora:
        config = {"r": 2, "target_modules": ["attention.wqkv"], "base_model_name_or_path": model}
        (folder / "adapter_config.json").write_text(json.dumps(config))
        shutil.copy(made / "adapter_model.bin", folder)
    else:
        shutil.copy(os.path.join(model, "config.json"), folder)
        shutil.copy(made / "pytorch_model.bin", folder)
    state = {"global_step": step, "max_steps": 3, "log_history": [{"loss": 1.5}, {"loss": 1.25}]}
    (folder / "trainer_state.json").write_text(json.dumps(state))
checkpoint = out / "checkpoint-2"
save(checkpoint, 2)
for name in ("optimizer.pt", "scheduler.pt"):
    (checkpoint / name).write_text("x")
how = os.environ.get("FINETUNE", "")
if how == "dies" and "resume_from_checkpoint" not in flags:
    sys.exit(7)
if how == "forgets the last step":
    sys.exit(0)
save(out, 3)
"""
DATA_MIX = """\
import json
def rows_of(path):
    found = []
    for line in open(path).readlines():
        words = line.strip().split(" ")
        assert len(words) == 2
        rows = json.load(open(words[0]))
        assert len(rows) >= int(float(words[1]) * 1000)
        for row in rows:
            for picture in row["image"] if "image" in rows[0] else ():
                open(picture, "rb").read()
        found += rows
    return found
"""
MERGE = """\
import pathlib, shutil, sys
words = dict(word[2:].split("=", 1) for word in sys.argv[1:])
assert set(words) == {"adapter_model_name", "base_model_name", "output_name"}
into = pathlib.Path(words["output_name"])
into.mkdir(exist_ok=True)
for name in ("config.json", "tokenizer.model", "tokenizer_config.json"):
    shutil.copy(pathlib.Path(words["base_model_name"], name), into)
shutil.copy(pathlib.Path(__file__).parent / "made" / "pytorch_model.bin", into)
"""
TORCHRUN = f"""\
#!/bin/sh
while [ "${{1#--}}" != "$1" ]; do shift 2; done
exec {sys.executable} "$@"
"""
PYTHON = f"""\
#!/bin/sh
case "$1" in
  */check.py) echo '{{"faults": [], "warnings": [], "figures": {{}}}}' > check.json ;;
  */check_tokenizer.py) [ -e "$2/tokenizer.model" ] || exit 1 ;;
  */compare.py) ;;
  *) exec {sys.executable} "$@" ;;
esac
"""


def git(folder: Path, *words: str) -> str:
    argv = ["git", "-c", "user.name=t", "-c", "user.email=t@example.test", *words]
    env = {name: value for name, value in os.environ.items() if name != "GIT_DIR"}
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def upstream(folder: Path) -> Checkout:
    """A repository with the scripts, at one commit."""
    place = folder / FOLDER
    (place / "made").mkdir(parents=True)
    for name, text in (
        ("finetune.py", FINETUNE), ("data_mix.py", DATA_MIX), ("merge_peft_adapter.py", MERGE),
    ):  # fmt: skip
        (place / name).write_text(text, encoding="utf-8")
    whole = {f"{MODULE}.weight": filled((4, 4), 2)}
    adapter = torch_zip(adapter_tensors([MODULE]), under=None)
    (place / "made" / "adapter_model.bin").write_bytes(adapter)
    (place / "made" / "pytorch_model.bin").write_bytes(torch_zip(whole, under=None))
    git(folder, "init", "--quiet")
    git(folder, "add", "-A")
    git(folder, "commit", "-m", "scripts")
    commit = git(folder, "rev-parse", "HEAD")
    return Checkout(name="InternLM-XComposer", url=str(folder), commit=commit, folder=FOLDER)


def row(number: int, *pictures: str, ask: str | None = None) -> dict[str, object]:
    """A row of the tutorial's form, with a mark for each picture."""
    text = ask if ask is not None else "<ImageHere> " * len(pictures) + f"what is {number}?"
    turns = [{"from": "user", "value": text}, {"from": "assistant", "value": "a dog"}]
    seen = {"image": list(pictures)} if pictures else {}
    return {"id": str(number), **seen, "conversations": turns}


@dataclass(frozen=True)
class Bench:
    """A working folder with rows, a base model, an environment and a vision tower."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> Bench:
        bench = cls(root)
        (root / "sets" / "img").mkdir(parents=True)
        for number in range(3):
            (root / "sets" / "img" / f"{number}.png").write_bytes(png())
        bench.put("vl.json", [row(n, f"img/{n % 3}.png") for n in range(6)])
        bench.put("text.json", [row(n) for n in range(4)])
        base = root / "base"
        files = {
            **model_files(0),
            "model.safetensors": safetensors({f"{MODULE}.weight": filled((4, 4))}),
        }
        files.pop("model.safetensors.index.json")
        for name, body in files.items():
            base.mkdir(exist_ok=True)
            (base / name).write_bytes(body)
        (root / VISION).mkdir(parents=True)
        (root / VISION / "config.json").write_text("{}")
        return bench

    def put(self, name: str, rows: list[dict[str, object]]) -> None:
        (self.root / "sets" / name).write_text(json.dumps(rows, ensure_ascii=False))

    def job(self, *sets: str, recipe: str = "xcomposer2-lora", rehearse: bool = False) -> Job:
        """The shipped recipe on this folder's rows and model."""
        own = [
            f"data.sources.0.path={self.root}/sets/vl.json",
            f"data.sources.1.path={self.root}/sets/text.json",
            f"model.path={self.root}/base",
            "model.trust_remote_code=true",
            "train.gpus=1",
        ]
        return build(load(recipe, sets=[*own, *sets], environ={}), rehearse=rehearse)

    def environment(self) -> Environment:
        """Small programs in place of the engine's, and a checkout of the repository made here."""
        place = self.root / "src" / "InternLM-XComposer"
        checkout = upstream(place) if not place.exists() else None
        bin_folder = self.root / "env" / "bin"
        bin_folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("torchrun", TORCHRUN), ("python", PYTHON)):
            (bin_folder / name).write_text(text)
            (bin_folder / name).chmod(0o755)
        release = registry.release("xcomposer2@0f70c3e")
        if checkout is not None:
            release = replace(release, checkouts=(checkout,))
        return Environment(release, bin_folder / "python", False, "small", self.root / "src")

    @property
    def run_directory(self) -> Path:
        return self.root / "a run"

    def run(self, job: Job, **selection: object) -> Told:
        told = Told()
        runner = Runner(job, self.run_directory, told, self.environment)
        runner.run(Selection(**selection))  # type: ignore[arg-type]
        return told
