"""The rules that are asked before a byte is downloaded: each finds its fault, and no other."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base import hardware
from orchestrator.base.hardware import Gpu
from orchestrator.cli import cli
from orchestrator.engines.registry import all_releases
from orchestrator.envs import locks
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build
from orchestrator.preflight import machine
from orchestrator.preflight.checking import PreflightFaults, before_run, of_machine, of_recipe
from orchestrator.preflight.rule import Verdict
from orchestrator.preflight.table import RULES

GIB = 2**30
A100 = Gpu(0, "GPU-0aa", "NVIDIA A100-SXM4-40GB", 40 * GIB, 0, 8.0, "550.54.15")
MODEL = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 512,
}
DISTRIBUTED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "NNODES", "NODE_RANK", "NPROC_PER_NODE")

Gpus = Callable[..., None]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with nothing wrong: memory, disk, no variables, no port taken."""
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RECIPE_RUNS", str(tmp_path / "runs"))
    for name in (*DISTRIBUTED, "MASTER_ADDR", "MASTER_PORT", "ADDR", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hardware, "host_memory", lambda: (256 * GIB, 256 * GIB))
    monkeypatch.setattr(machine, "free_bytes", lambda _path: 10**12)
    monkeypatch.setattr(hardware, "gpus", lambda: [A100])
    monkeypatch.setattr("orchestrator.preflight.content._is_taken", lambda _port: False)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Gpus:
    def have(*found: Gpu) -> None:
        monkeypatch.setattr(hardware, "gpus", lambda: list(found))

    return have


def card(**more: Any) -> Gpu:
    return Gpu(**{**vars(A100), **more})


def said(verdicts: list[Verdict], *levels: str) -> dict[str, Verdict]:
    return {one.rule.id: one for one in verdicts if one.level in (levels or ("error", "warning"))}


def checked(name: str = "medqa-qlora", *sets: str, **more: Any) -> dict[str, Verdict]:
    return said(of_recipe(name, sets=sets, **more))


def model(tmp_path: Path, **values: Any) -> str:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**MODEL, **values}), encoding="utf-8")
    return f"model.path={folder}"


def test_a_good_machine_and_a_good_recipe_have_no_faults() -> None:
    assert checked() == {}
    assert said(of_machine("xtuner@0.2.0")) == {}


def test_every_rule_is_whole() -> None:
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)
    for rule in RULES:
        assert all(rule.looks), rule.id
        assert rule.source, rule.id


def test_no_gpu_is_known_before_the_download(monkeypatch: pytest.MonkeyPatch, gpus: Gpus) -> None:
    gpus()
    assert set(checked()) == {"gpu"}
    monkeypatch.setattr(hardware, "gpus", lambda: None)
    found = checked()["gpu"]
    assert found.level == "error"
    assert "nvidia-smi" in found.cause
    assert "--rehearse" in (found.fix or "")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    gpus()
    assert "CUDA_VISIBLE_DEVICES" in checked()["gpu"].cause
    assert checked(rehearse=True) == {}, "a rehearsal needs none"
    assert said(of_machine())["gpu"].level == "warning"


@pytest.mark.parametrize(
    ("found", "sets", "rule", "word"),
    [
        ((card(driver="470.82.01"),), (), "driver", "525.60.13"),
        ((card(compute=12.0, name="RTX 5090"),), (), "compute-capability", "RTX 5090"),
        ((card(compute=3.7, name="K80"),), (), "compute-capability", "K80"),
        ((card(compute=7.5),), ("train.precision=bf16",), "bf16", "7.5"),
        ((card(),), ("train.gpus=2",), "gpu-count", "2"),
        ((card(total=6 * GIB),), (), "gpu-memory", "6.0"),
        ((card(used=39 * GIB),), (), "gpu-memory", "1.0"),
    ],
)
def test_a_gpu_that_cannot_do_it_is_named(
    found: tuple[Gpu, ...], sets: tuple[str, ...], rule: str, word: str, gpus: Gpus
) -> None:
    gpus(*found)
    verdicts = checked("medqa-qlora", *sets)
    # On two GPUs the workbook's 482 rows also make few steps.
    assert set(verdicts) - {"optimizer-steps"} == {rule}
    assert word in verdicts[rule].cause
    assert verdicts[rule].fix


def test_every_releases_torch_and_cuda_are_in_the_tables() -> None:
    """A new lock must not silence a rule."""
    for release in all_releases():
        pins = locks.load(release).pins()
        if "torch" in pins:
            assert ".".join(pins["torch"].split(".")[:2]) in machine.KERNELS, release.name
            cuda = [one for one in pins if one.startswith("nvidia-cuda-runtime")]
            assert pins[cuda[0]].split(".")[0] in machine.DRIVERS, release.name


def test_too_little_gpu_memory_comes_with_what_to_type(gpus: Gpus) -> None:
    gpus(card(total=12 * GIB))
    found = checked()["gpu-memory"]
    assert found.fix
    sets = found.fix.split("--set ")[1:]
    assert checked("medqa-qlora", *(one.strip() for one in sets)) == {}


def test_host_memory_and_disk_are_held_against_what_is_to_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hardware, "host_memory", lambda: (8 * GIB, 6 * GIB))
    monkeypatch.setattr(machine, "free_bytes", lambda _path: 3 * 10**9)
    found = checked()
    assert set(found) == {"host-memory", "disk-space"}
    assert {one.level for one in found.values()} == {"error"}
    assert "the model 15 GB" in found["disk-space"].cause
    assert "the merged model 15 GB" in found["disk-space"].cause


def test_each_lora_target_must_be_a_module(tmp_path: Path) -> None:
    place = model(tmp_path)
    good = "train.lora.targets=[q_proj, v_proj, lm_head]"
    assert "lora-targets" not in checked("medqa-qlora", place, good)
    found = of_recipe("medqa-qlora", sets=[place, "train.lora.targets=[q_proj, wqkv, v_porj]"])
    causes = [one.cause for one in found if one.rule.id == "lora-targets"]
    assert len(causes) == 2, "each of the list"
    assert "'wqkv'" in causes[0]
    assert any("v_proj" in (one.fix or "") for one in found if "v_porj" in one.cause)


def test_code_of_the_models_own_is_looked_at(tmp_path: Path) -> None:
    place = model(tmp_path, auto_map={"AutoConfig": "configuration_x.X"})
    found = checked("medqa-qlora", place)["model-code"]
    assert found.level == "warning"
    assert found.fix == "--set model.trust_remote_code=true"
    assert "model-code" not in checked("medqa-qlora", place, "model.trust_remote_code=true")
    (tmp_path / "model" / "tokenization_x.py").write_text("def _pad(self, encoded):\n    pass\n")
    trusted = "model.trust_remote_code=true"
    newer = checked("medqa-lora-llamafactory", place, "engine=llamafactory@0.9.5", trusted)
    assert newer["model-code"].level == "error"
    older = checked("medqa-qlora-0.1.9", place, "model.trust_remote_code=true")
    assert "model-code" not in older, "its transformers is below 4.45"


def test_few_optimizer_steps_are_counted_with_the_runs_gpus(gpus: Gpus) -> None:
    few = checked("ruozhiba-qlora", "train.accumulate=16")["optimizer-steps"]
    assert few.level == "warning"
    assert "45 optimizer steps" in few.cause
    gpus(card(), card(index=1), card(index=2), card(index=3))
    assert "optimizer-steps" not in checked("ruozhiba-qlora")
    four = checked("ruozhiba-qlora", "train.gpus=4")["optimizer-steps"]
    assert "45 optimizer steps" in four.cause


def test_a_taken_port_is_named_with_a_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(hardware, "gpus", lambda: [A100])
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setenv("MASTER_PORT", str(taken))
        found = checked()["port"]
        assert str(taken) in found.cause
        assert "export MASTER_PORT=" in (found.fix or "")
        assert "port" not in checked("oasst1-qlora"), "without DeepSpeed nothing listens"


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"WORLD_SIZE": "2"}, "MASTER_ADDR"),
        ({"NNODES": "2"}, "MASTER_ADDR"),
        ({"RANK": "1"}, "RANK is 1"),
        ({"NODE_RANK": "3", "NNODES": "2", "MASTER_ADDR": "h"}, "NODE_RANK is 3"),
        ({"WORLD_SIZE": "two"}, "no number"),
    ],
)
def test_variables_of_several_processes_must_agree(
    variables: dict[str, str], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert word in checked()["distributed-variables"].cause
    assert checked(rehearse=True) == {}


def test_parameters_are_asked_for_and_their_effect_is_shown() -> None:
    missing = checked("self-cognition-qlora")["parameters"]
    assert missing.fix == "-p name=张三"
    given = said(of_recipe("self-cognition-qlora", params=["name=李四"]), "note")
    assert "我是李四的小助手" in given["parameters"].cause


def test_rows_that_are_nowhere_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    found = checked("chatglm3-lora")["rows"]
    assert "AdvertiseGen" in found.cause
    assert "--set data.sources.0.path=FILE" in (found.fix or "")


def test_a_faulty_recipe_is_told_fault_by_fault() -> None:
    verdicts = of_recipe("medqa-qlora", sets=["train.optimzer=x", "train.scheduler=consine"])
    causes = [one.cause for one in verdicts]
    assert [one.rule.id for one in verdicts] == ["recipe", "recipe"]
    assert any("train.optimizer?" in one for one in causes)
    assert any("cosine" in one for one in causes)


def test_a_rule_is_silenced_by_id_with_a_reason(gpus: Gpus) -> None:
    gpus()
    verdicts = of_recipe("medqa-qlora", sets=["preflight.ignore.gpu=trained elsewhere"])
    assert said(verdicts) == {}
    assert said(verdicts, "ignored")["gpu"].ignored == "trained elsewhere"
    wrong = checked("medqa-qlora", "preflight.ignore.disk-spce=x")["preflight-ignore"]
    assert wrong.fix == "did you mean disk-space?"
    assert "reason" in checked("medqa-qlora", "preflight.ignore.gpu=")["preflight-ignore"].cause


def test_a_run_stops_before_anything_is_written(gpus: Gpus) -> None:
    gpus()
    job = build(load("medqa-qlora"), must_find_rows=False)
    with pytest.raises(PreflightFaults) as raised:
        before_run(job, stages=("data", "model", "train"))
    assert "gpu" in str(raised.value)
    assert "--set preflight.ignore.gpu=" in (raised.value.fix or "")
    found = before_run(job, stages=("data", "model", "render"))
    assert not [one for one in found if one.level == "error"], "these need no GPU"


def test_the_run_command_asks_first(
    gpus: Gpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gpus()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PreflightFaults):
        cli.main(["run", "oasst1-qlora"], standalone_mode=False)
    assert not (tmp_path / "runs").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_program_reads_the_verdicts(gpus: Gpus, capsys: pytest.CaptureFixture[str]) -> None:
    gpus()
    code = cli.main(["check", "medqa-qlora", "--json"], standalone_mode=False)
    assert code == 1
    table = json.loads(capsys.readouterr().out)
    assert {one["id"] for one in table} == {rule.id for rule in RULES}
    (fault,) = [one for one in table if one["level"] == "error"]
    assert fault["id"] == "gpu"
    assert all(fault[key] for key in ("cause", "fix", "source", "looks_at"))


def test_the_machine_alone_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["doctor", "--quick", "-v"], standalone_mode=False)
    told = capsys.readouterr().out
    assert "gpu" in told
    assert "lora-targets" not in told
