"""Whole chains through the real XTuner: every shipped recipe, both releases, the real workbook."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base.tensor import is_zero
from orchestrator.base.weights import tensors
from orchestrator.engines import xtuner
from orchestrator.envs.environment import Environment
from orchestrator.recipe.listing import listing
from orchestrator.recipe.load import load
from orchestrator.report.run_report import NAMES
from orchestrator.running import record as records
from tests.support.engine_runs import Done, engine_slot, only_run, recipe, variables
from tests.support.fake_engine import SAYS, FakeEngine
from tests.support.training import log

#: Shipped recipes whose whole chain runs here. Each other one shares its code path with one of
#: these, and is taken as far as the check stage, where the engine itself looks at config and rows.
WHOLE = ("medqa-qlora", "medqa-qlora-0.1.9", "oasst1-qlora", "self-cognition-qlora")
XTUNERS = sorted(one.name for one in listing() if one.engine.startswith("xtuner@"))


def facts_of(root: Path) -> dict[str, dict[str, Any]]:
    return {stage.name: stage.facts for stage in records.read(root).stages}


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def whole_chain_is_proved(root: Path, done: Done) -> None:
    """Every stage is done, and each artifact is what it should be, read with other eyes."""
    assert done.code == 0, done.output
    record = records.read(root)
    assert (record.state, record.rehearsal) == ("done", True)
    assert [stage.state for stage in record.stages] == ["done"] * len(record.stages)
    adapter = next((root / "adapter").glob("adapter_model.*"))
    assert any(not is_zero(t) for name, t in tensors(adapter).items() if "lora_B" in name)
    assert (root / "merged" / "config.json").is_file()
    assert "THIS IS A REHEARSAL" in done.output


def merging_changed_the_weights(root: Path) -> bool:
    def read(folder: str) -> dict[str, bytes]:
        files = [p for p in (root / folder).iterdir() if p.suffix in (".bin", ".safetensors")]
        found = {}
        for file in files:
            for name, tensor in tensors(file).items():
                found[name] = b"".join(tensor.chunks())
        return found

    base, merged = read("standin"), read("merged")
    return any(base[name] != merged[name] for name in base.keys() & merged.keys())


def test_medqa_from_spreadsheet_to_merged_model(finished: Path) -> None:
    root = only_run(finished)
    done = Done(0, (finished / "output.txt").read_text(encoding="utf-8"))
    whole_chain_is_proved(root, done)
    assert merging_changed_the_weights(root)
    facts = facts_of(root)
    assert facts["convert"]["adapter"]["modules"] == 14  # 7 linear layers in each of 2 blocks
    assert facts["check"]["check.json"]["faults"] == []
    assert "train.method: qlora -> lora" in done.output


def test_the_fake_engine_of_the_unit_tests_says_and_makes_what_the_real_one_does(
    finished: Path, tmp_path: Path
) -> None:
    root = only_run(finished)
    for stage, line in SAYS.items():
        log = (root / "logs" / f"{stage}.log").read_text(encoding="utf-8")
        assert [one for one in log.splitlines() if one.endswith(line)], stage
    fake = FakeEngine.make(tmp_path / "fake").root / "made"
    for stage, folder in (("convert", "adapter"), ("merge", "merged")):
        # The fake writes its weights as safetensors: both forms are read alike (test_artifacts.py).
        made = {path.name for path in (fake / stage).glob("*") if path.suffix != ".safetensors"}
        assert made <= {path.name for path in (root / folder).iterdir()}
        assert list((root / folder).glob("*.bin"))
    named = Path((root / "work" / "last_checkpoint").read_text(encoding="utf-8").strip())
    assert re.fullmatch(r"iter_\d+\.pth", named.name)
    report = json.loads((fake / "check.json").read_text(encoding="utf-8"))
    assert report.keys() == json.loads((root / "check.json").read_text(encoding="utf-8")).keys()


def test_a_warm_worker_makes_what_the_plain_commands_make(
    xtuner_0_2_0: Environment, tmp_path: Path
) -> None:
    """Byte for byte. The seeds are fixed, that of Python's sets too: adapter_config.json lists one.
    A checkpoint holds the time of each iteration: what was converted from it is compared."""
    made = []
    for more in ((), ("--no-warm",)):
        here = tmp_path / f"run{len(more)}"
        here.mkdir()
        words = ("run", "medqa-qlora", "--rehearse", "--set", "train.seed=7", *more)
        done = recipe(*words, cwd=here, env={"PYTHONHASHSEED": "0"})
        assert done.code == 0, done.output
        assert "afresh" not in done.output
        root = only_run(here)
        assert (root / "logs" / "worker.log").exists() is not bool(more)
        kept = [
            *root.glob("*.*"),
            *root.glob("[adms]*/*"),
        ]
        made.append(
            {
                str(path.relative_to(root)): path.read_bytes()
                for path in kept
                if path.is_file() and path.name not in ("run.json", ".lock", *NAMES.values())
            }
        )
    assert made[0].keys() == made[1].keys()
    assert {name for name in made[0] if made[0][name] != made[1][name]} == set()
    assert {"merged/config.json", "adapter/adapter_config.json"} <= made[0].keys()


def test_what_it_says_of_a_training_is_read(finished: Path) -> None:
    """The curve and the answers are all there, and the unit tests' log is in the same words."""
    root = only_run(finished)
    learnt = xtuner.learning(root)
    steps = facts_of(root)["check"]["check.json"]["figures"]["iterations"]
    assert [one.step for one in learnt.steps] == list(range(1, steps + 1))
    assert all(one.loss and one.rate and one.total == steps for one in learnt.steps)
    prompts = load("medqa-qlora", environ={}).recipe.evaluate.prompts
    assert [one.prompt for one in learnt.answers[:2]] == prompts
    assert (learnt.answers[0].step, learnt.answers[-1].step) == (0, steps)
    assert not [one for one in learnt.answers if "<|" in one.text or one.prompt in one.text]

    def shapes(log: str) -> set[str]:
        told = (line for line in log.splitlines() if xtuner.progress(line) or "in Eval" in line)
        return {re.sub(r"[\d.]+(?:e-\d+)?", "0", line) for line in told}

    assert shapes(log()) <= shapes((root / "logs" / "train.log").read_text(encoding="utf-8"))


def test_its_report_is_written_verified_and_free_of_this_machine(
    finished: Path, workspace: Path, run: Path
) -> None:
    page = run / "report.html"
    text = page.read_text(encoding="utf-8")
    assert len(text.encode()) < 400_000
    for place in (str(Path.home()), str(finished), "/envs/"):
        assert place not in text
    words = ("report", "--verify", str(page), "--run", str(run))
    assert recipe(*words, cwd=workspace, locked=True).code == 3  # true, and a rehearsal
    page.write_text(text.replace('"rehearsal":true', '"rehearsal":false'), encoding="utf-8")
    assert recipe(*words, cwd=workspace, locked=True).code == 1


def test_rerunning_a_finished_run_executes_nothing(workspace: Path, run: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.is_file()}
    done = recipe("run", "medqa-qlora", "--rehearse", cwd=workspace)
    assert done.code == 0, done.output
    assert done.output.count("done before, nothing it depends on has changed") == 7
    assert "$ xtuner" not in done.output
    after = {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.is_file()}
    changed = {path.name for path in after if after[path] != before.get(path)}
    assert changed <= {"run.json", ".lock"}


@pytest.mark.parametrize("name", ["medqa-qlora-0.1.9", "oasst1-qlora", "self-cognition-qlora"])
def test_a_shipped_recipe_goes_through_every_stage(
    name: str, xtuner_0_1_9: Environment, xtuner_0_2_0: Environment, tmp_path: Path
) -> None:
    given = ["-p", 'name=O\'Brien "{{x}}"\n张三'] if name == "self-cognition-qlora" else []
    done = recipe("run", name, "--rehearse", *given, cwd=tmp_path)
    root = only_run(tmp_path)
    whole_chain_is_proved(root, done)
    if given:
        rows = rows_of(root / "data" / "rehearsal.jsonl")
        assert any("O'Brien \"{{x}}\"\n张三" in json.dumps(r, ensure_ascii=False).replace(
            '\\"', '"').replace("\\n", "\n") for r in rows)  # fmt: skip


@pytest.mark.parametrize("name", [one for one in XTUNERS if one not in WHOLE])
def test_every_other_shipped_recipe_passes_the_engines_check(
    name: str, xtuner_0_2_0: Environment, tmp_path: Path
) -> None:
    done = recipe("run", name, "--rehearse", "--until", "check", cwd=tmp_path)
    assert done.code == 0, done.output
    assert records.read(only_run(tmp_path)).stage("check").state == "done"


def test_full_fine_tuning_is_whole_after_converting(
    xtuner_0_2_0: Environment, tmp_path: Path
) -> None:
    sets = ["--set", "train.method=full", "--set", "train.learning_rate=2e-3"]
    done = recipe("run", "medqa-qlora", "--rehearse", *sets, cwd=tmp_path)
    assert done.code == 0, done.output
    root = only_run(tmp_path)
    assert [stage.name for stage in records.read(root).stages][-2:] == ["train", "convert"]
    assert not (root / "adapter").exists()
    assert merging_changed_the_weights(root)


def test_the_tutorials_workbook_gives_the_tutorials_rows(
    shared_data: Path, xtuner_0_2_0: Environment, tmp_path: Path
) -> None:
    shutil.copy(shared_data / "MedQA2019.xlsx", tmp_path)
    done = recipe("run", "medqa-qlora", "--rehearse", "--until", "check", cwd=tmp_path)
    assert done.code == 0, done.output
    root = only_run(tmp_path)
    data = facts_of(root)["data"]
    assert (data["rows"], data["train_rows"], data["test_rows"]) == (690, 482, 208)
    train, test = (rows_of(root / "data" / f"{name}.jsonl") for name in ("train", "test"))
    assert (len(train), len(test)) == (482, 208)
    first = train[0]["conversation"][0]
    assert set(first) == {"system", "input", "output"}


def test_commands_sh_runs_by_hand(workspace: Path, run: Path) -> None:
    """The script of a finished run makes the same artifacts in a copy, without `recipe`."""
    proofs = ("work/last_checkpoint", "adapter/adapter_config.json", "merged/config.json")
    expected = {
        name: facts for name, facts in facts_of(run).items() if name in ("convert", "merge")
    }
    for folder in ("work", "adapter", "merged", "check.json", "logs"):
        path = run / folder
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with engine_slot():
        done = subprocess.run(
            ["bash", "commands.sh"], cwd=run, env=variables(), capture_output=True, check=False
        )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert all((run / proof).is_file() for proof in proofs)
    adapter = next((run / "adapter").glob("adapter_model.*"))
    assert len(tensors(adapter)) == expected["convert"]["adapter"]["tensors"]
    merged = [f for f in (run / "merged").iterdir() if f.suffix in (".bin", ".safetensors")]
    assert sum(len(tensors(f)) for f in merged) == expected["merge"]["merged"]["tensors"]
    assert merging_changed_the_weights(run)
    assert os.access(run / "commands.sh", os.X_OK)
