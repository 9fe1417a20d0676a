"""docs/adding-an-engine.md, done step by step: a third engine in a copy of the house.

The copy gets what the page says and nothing else: a package, a template, a lock and one line of
the registry. Then the real command runs a real training with it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine_runs import PLAIN, REPOSITORY, Done, only_run
from tests.support.models import model_files, write

ENGINE = REPOSITORY / "tests" / "support" / "third_engine"
STAGES = ["data", "model", "render", "check", "train"]
RECIPE = """\
title: the third engine
engine: bigram@1
model: {id: ./base, hub: local, path: base, template: none}
data:
  sources: [{self_cognition: {name: Ann, repeats: 4}}]
  split: {train: 0.5}
train: {method: full, epochs: 3, learning_rate: 0.5}
params: {passes: train.epochs}
needs: {gpus: 0}
"""


@dataclass(frozen=True)
class House:
    """A copy of the project with three engines, and a folder to work in."""

    root: Path
    here: Path

    def __call__(self, *words: str, code: int = 0, **more: str) -> Done:
        """`recipe WORDS` with ``more`` variables, whose exit code must be ``code``."""
        env = {**os.environ, **PLAIN, "PYTHONPATH": str(self.root), "COLUMNS": "200"}
        env["RECIPE_CACHE"] = str(self.here / "cache")
        env["RECIPE_PYTHON_BIGRAM_1"] = sys.executable
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator", *words],
            cwd=self.here,
            env={**env, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return Done(done.returncode, done.stdout)


@pytest.fixture(scope="module")
def three_engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("house")
    unwanted = shutil.ignore_patterns("__pycache__")
    for folder in ("orchestrator", "data_tools", "templates", "recipes"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=unwanted)
    engines = root / "orchestrator" / "engines"
    shutil.copytree(ENGINE / "bigram", engines / "bigram", ignore=unwanted)
    shutil.copytree(ENGINE / "templates", root / "templates" / "bigram")
    registry = engines / "registry.py"
    text = registry.read_text(encoding="utf-8")
    text, imported = re.subn(r"(from orchestrator\.engines import )(.+\n)", r"\1bigram, \2", text)
    text, listed = re.subn(r"(ENGINES: .* = \(.+)\)\n", r"\1, bigram)\n", text)
    assert (imported, listed) == (1, 1)
    registry.write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def house(three_engines: Path, tmp_path: Path) -> House:
    (tmp_path / "third.yaml").write_text(RECIPE, encoding="utf-8")
    write(tmp_path / "base", model_files())
    return House(three_engines, tmp_path)


def record_of(house: House) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((only_run(house.here) / "run.json").read_text("utf-8"))
    return found


def test_it_runs_and_is_done(house: House) -> None:
    plan = house("plan", "third.yaml").output
    assert "python trainer.py train settings.yaml" in plan
    done = house("run", "-v", "third.yaml")
    assert "epoch 3: loss" in done.output
    record = record_of(house)
    assert record["state"] == "done"
    assert [stage["name"] for stage in record["stages"]] == STAGES
    assert record["stages"][-1]["facts"]["work"]["letters"] > 10  # its own proof of success
    again = house("run", "-v", "third.yaml").output
    assert "$ python" not in again
    assert "bigram@1" in house("status", "third").output
    (shown,) = json.loads(house("status", "--json").output)
    assert (shown["state"], shown["engine"]) == ("done", "bigram@1")


def test_it_learns_what_its_rows_say(house: House) -> None:
    """A real training: its loss falls, and another number of epochs is another training."""
    first = house("run", "-v", "third.yaml").output
    losses = [float(loss) for loss in re.findall(r"epoch \d: loss ([\d.]+)", first)]
    assert losses == sorted(losses, reverse=True)
    assert len(losses) == 3
    more = house("run", "-v", "third.yaml", "-p", "passes=4").output
    assert "epoch 4: loss" in more


def test_a_training_that_crashed_goes_on_from_its_checkpoint(house: House) -> None:
    failed = house("run", "-v", "third.yaml", code=1, BIGRAM_CRASH_AFTER="2").output
    assert "crashed, as it was told to" in failed
    assert "stage train" in failed
    assert record_of(house)["state"] == "failed"
    done = house("run", "-v", "third.yaml").output
    assert "--from=work/checkpoint.json" in done
    assert "epoch 2:" not in done
    assert "epoch 3:" in done
    assert record_of(house)["state"] == "done"


def test_a_crash_is_explained_in_its_own_words(house: House) -> None:
    (house.here / "rows.json").write_text(json.dumps([{"instruction": "q", "output": "a"}]))
    failed = house(
        "run", "third.yaml", "--set", "data.sources=[{path: rows.json}]",
        "--set", "data.split=null", code=1,
    ).output  # fmt: skip
    assert "the rows hold no text" in failed
    assert "look at data/train.jsonl" in failed


def test_its_objections_come_with_their_line_before_anything_runs(house: House) -> None:
    (house.here / "third.yaml").write_text(
        RECIPE.replace("method: full", "method: lora, stage: dpo")
    )
    for words in (("validate", "third.yaml"), ("plan", "third.yaml"), ("run", "third.yaml")):
        told = house(*words, code=2).output
        assert "third.yaml:7" in told
        assert "train.method: it cannot train so (bigram@1 has no adapters)" in told
        assert "did you mean full?" in told
        assert "train.stage: it has one kind of training" in told
    assert not (house.here / "runs").exists()


def test_a_fault_of_the_schema_hides_no_objection(house: House) -> None:
    text = RECIPE.replace("method: full", "method: lora, epochs: many, epochz: 1")
    (house.here / "third.yaml").write_text(text)
    told = house("validate", "third.yaml", code=2).output
    assert "train.epochs: must be a number" in told
    assert "train.epochz: there is no such key" in told
    assert "train.method: it cannot train so (bigram@1 has no adapters)" in told


def test_a_pack_of_it_works_without_recipe(house: House) -> None:
    house("render", "third.yaml", "-o", "pack")
    pack = house.here / "pack"
    names = {path.name for path in pack.iterdir()}
    assert {"commands.sh", "settings.yaml", "trainer.py", "requirements.txt"} <= names
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    (pack / "base").symlink_to(house.here / "base")
    env = {"PATH": path}
    subprocess.run(["bash", "commands.sh"], cwd=pack, env=env, check=True, capture_output=True)
    assert json.loads((pack / "work" / "weights.json").read_text("utf-8"))["epoch"] == 3


def test_what_it_lacks_is_refused_in_words(house: House) -> None:
    house("run", "-v", "third.yaml")
    assert "bigram has no chat of its own." in house("chat", "third", code=2).output
    assert "bigram has no server of its own." in house("serve", "third", code=2).output


def test_a_python_without_its_packages_is_refused(house: House) -> None:
    bare = house.here / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    told = house(
        "run", "third.yaml", code=1, RECIPE_PYTHON_BIGRAM_1=str(bare / "bin" / "python")
    ).output
    assert "The tools of bigram@1 cannot be imported." in told
    assert "No module named 'yaml'" in told


def test_no_other_file_of_the_house_knows_it(three_engines: Path) -> None:
    """The page's promise: a package, its template, its lock, one line."""
    changed = [
        path.relative_to(three_engines).as_posix()
        for path in sorted(three_engines.rglob("*"))
        if path.is_file()
        and "__pycache__" not in path.parts
        and not _same(path, REPOSITORY / path.relative_to(three_engines))
    ]
    outside = [path for path in changed if "bigram/" not in path]
    assert outside == ["orchestrator/engines/registry.py"]


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()
