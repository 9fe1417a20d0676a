"""Real rehearsals on LLaMA-Factory: every recipe, faults before and during training, going on."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.pace import Pace
from orchestrator.engines import llamafactory, registry
from orchestrator.envs.environment import Environment
from orchestrator.envs.install import ensure
from orchestrator.recipe.listing import listing
from tests.support import demo_rows
from tests.support.engine_runs import (
    REPOSITORY,
    SECONDS,
    Done,
    engine_slot,
    in_engine,
    only_run,
    recipe,
    runs_of,
    variables,
    words_of,
)
from tests.support.waiting import until

pytestmark = pytest.mark.engine
RELEASE = "llamafactory@0.9.5"
OLDER = "llamafactory@0.8.3"
OURS = [one.name for one in listing() if one.engine.startswith("llamafactory@")]
HOMEWORK = ("run", "self-cognition-llamafactory", "--rehearse", "-p", "name=张三")
ROWS = REPOSITORY / "tests" / "support" / "llamafactory_rows.py"


@pytest.fixture(scope="session")
def environment() -> Environment:
    return ensure(registry.release(RELEASE), progress=print)


@pytest.fixture(scope="session")
def emollm(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished rehearsal of the EmoLLM tutorial. Copy it, never change it."""
    workspace = tmp_path_factory.mktemp("emollm")
    done = recipe("run", "emollm-glm4-lora", "--rehearse", cwd=workspace)
    assert done.code == 0, done.output
    return workspace


@pytest.fixture(scope="session")
def cognition(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished rehearsal of the homework. Copy it, never change it."""
    workspace = tmp_path_factory.mktemp("cognition")
    done = recipe(*HOMEWORK, cwd=workspace)
    assert done.code == 0, done.output
    return workspace


@pytest.fixture(scope="session")
def chatglm3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished rehearsal on the older release. Copy it, never change it."""
    ensure(registry.release(OLDER), progress=print)
    workspace = tmp_path_factory.mktemp("chatglm3")
    done = recipe("run", "chatglm3-lora", "--rehearse", cwd=workspace)
    assert done.code == 0, done.output
    return workspace


def record(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "run.json").read_text(encoding="utf-8"))
    return found


def test_the_tutorial_leaves_everything_behind(emollm: Path) -> None:
    root = only_run(emollm)
    assert record(root)["state"] == "done"
    for name in ("training_loss.png", "trainer_log.jsonl", "all_results.json"):
        assert (root / "adapter" / name).stat().st_size > 0
    assert (root / "adapter" / "adapter_model.safetensors").is_file()
    assert (root / "merged" / "model.safetensors").is_file()
    log = (root / "logs" / "export.log").read_text(encoding="utf-8")
    assert "the same greedy answer as base and adapter" in log
    architectures = json.loads((root / "standin" / "config.json").read_text())["architectures"]
    assert architectures == ["GlmForCausalLM"]
    check = json.loads((root / "check.json").read_text(encoding="utf-8"))
    assert check["figures"]["rows_with_system"] >= 14
    assert check["figures"]["rows_with_history"] >= 5


def test_what_it_says_of_a_training_is_read(emollm: Path) -> None:
    root = only_run(emollm)
    learnt = llamafactory.learning(root)
    steps = json.loads((root / "adapter" / "trainer_state.json").read_text())["global_step"]
    assert [one.step for one in learnt.steps] == list(range(1, steps + 1))
    lines = re.split(r"[\r\n]", (root / "logs" / "train.log").read_text(encoding="utf-8"))
    told = [step for step in map(llamafactory.progress, lines) if step is not None]
    pace = Pace()
    for step in told:  # an evaluation has bars of its own
        pace.see(step)
    assert (pace.step, pace.total) == (steps, steps)
    assert pace.losses == pytest.approx([one.loss for one in learnt.steps], abs=1e-3)


def test_a_row_is_exactly_the_templates_text_and_mask(
    emollm: Path, environment: Environment, tmp_path: Path
) -> None:
    """System, history and question are there; the loss looks at the answers and the end alone."""
    root = Path(shutil.copytree(only_run(emollm), tmp_path / "run", symlinks=True))
    row = {
        "instruction": "改了八遍方案。",
        "input": "",
        "output": "你能坚持。",
        "system": "你是艾薇医生。",
        "history": [["又加班了。", "辛苦了。"]],
    }
    bare = {"instruction": "你好", "input": "请回答", "output": "好", "system": "", "history": []}
    lines = [json.dumps(one, ensure_ascii=False) for one in (row, bare)]
    (root / "data" / "rehearsal.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = in_engine(environment, str(ROWS), str(tmp_path / "rows.json"), cwd=root)
    assert (tmp_path / "rows.json").exists(), done.output
    first, second = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert first["text"] == (
        "[gMASK]<sop><|system|>\n你是艾薇医生。<|user|>\n又加班了。<|assistant|>\n辛苦了。"
        "<|user|>\n改了八遍方案。<|assistant|>\n你能坚持。</s>"
    )
    assert first["trained"] == "\n辛苦了。</s>\n你能坚持。</s>"
    assert second["text"] == "[gMASK]<sop><|user|>\n你好\n请回答<|assistant|>\n好</s>"
    assert second["trained"] == "\n好</s>"
    assert set(first["marks"]) <= set(first["ids"])  # special tokens, not letters


@pytest.mark.parametrize("name", [name for name in OURS if name != "emollm-glm4-lora"])
def test_every_recipe_rehearses(
    name: str, environment: Environment, cognition: Path, chatglm3: Path, tmp_path: Path
) -> None:
    there = {HOMEWORK[1]: cognition, "chatglm3-lora": chatglm3}
    if name in there:
        root = only_run(there[name])
    else:
        done = recipe("run", name, "--rehearse", cwd=tmp_path)
        assert done.code == 0, done.output
        root = only_run(tmp_path)
    assert record(root)["state"] == "done"
    log = (root / "logs" / "train.log").read_text(encoding="utf-8")
    quantised = "quantization_bit" in (root / "train.yaml").read_text(encoding="utf-8")
    assert ("Quantizing model to 4 bit" in log) == quantised


def test_the_first_engines_recipe_on_this_one(environment: Environment, tmp_path: Path) -> None:
    sets = ("model.id=me/internlm2_5-7b-chat", "model.revision=null")
    words = [part for one in sets for part in ("--set", one)]
    words += ["--set", "model.template=internlm2_chat", "--engine", RELEASE]
    done = recipe("run", "medqa-qlora", "--rehearse", *words, cwd=tmp_path)
    assert done.code == 0, done.output
    assert "internlm2_chat is called intern2 here" in done.output
    log = (only_run(tmp_path) / "logs" / "train.log").read_text(encoding="utf-8")
    assert "Quantizing model to 4 bit" in log
    assert "<|im_start|>system\nYou are a professional" in log


EXAMPLE = {
    "model_name_or_path": "Qwen/Qwen3-4B-Instruct-2507",
    "trust_remote_code": True,
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "lora_rank": 8,
    "lora_target": "all",
    "template": "qwen3_nothink",
    "cutoff_len": 256,
    "max_samples": 1000,
    "preprocessing_num_workers": 16,
    "dataloader_num_workers": 4,
    "output_dir": "saves/qwen3-4b/lora/sft",
    "logging_steps": 10,
    "save_steps": 500,
    "plot_loss": True,
    "overwrite_output_dir": True,
    "save_only_model": False,
    "report_to": "none",
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 8,
    "learning_rate": 1.0e-4,
    "num_train_epochs": 3.0,
    "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.1,
    "bf16": True,
    "ddp_timeout": 180000000,
    "resume_from_checkpoint": None,
}


def test_an_example_of_the_engine_goes_through_its_options(
    environment: Environment, tmp_path: Path
) -> None:
    """examples/train_lora/qwen3_lora_sft.yaml of the engine's source, pasted whole."""
    options = f"engine_options={json.dumps(EXAMPLE)}"
    words = ("emollm-glm4-lora", "--rehearse", "--until", "check", "--set", options)
    done = recipe("run", *words, cwd=tmp_path)
    assert done.code == 0, done.output
    report = json.loads((only_run(tmp_path) / "check.json").read_text(encoding="utf-8"))
    assert report["faults"] == []
    assert "engine_options.output_dir is not used" in done.output


#: What only the engine's own classes know; names and words are known offline.
FAULTS = [
    ("engine_options={interleave_probs: '0.5'}", "only valid for interleaved mixing"),
    ("engine_options={dataset_dir: /nowhere, dataset: mine}", "cannot be read"),
]


@pytest.mark.parametrize(("setting", "words"), FAULTS)
def test_faults_are_found_before_anything_trains(
    setting: str, words: str, emollm: Path, environment: Environment, tmp_path: Path
) -> None:
    shutil.copytree(emollm, tmp_path / "w", symlinks=True)
    done = recipe("run", "emollm-glm4-lora", "--rehearse", "--set", setting, cwd=tmp_path / "w")
    assert done.code == 1, done.output
    assert words in done.output
    assert "llamafactory-cli train" not in done.output


def test_rows_that_are_cut_are_counted(
    emollm: Path, environment: Environment, tmp_path: Path
) -> None:
    shutil.copytree(emollm, tmp_path / "w", symlinks=True)
    words = ("--rehearse", "--until", "check", "--set", "train.max_length=16")
    done = recipe("run", "emollm-glm4-lora", *words, cwd=tmp_path / "w")
    assert done.code == 0, done.output
    assert "rows are cut in silence at cutoff_len 16 tokens" in done.output


def killed_training(workspace: Path, *words: str) -> Path:
    """Start a training, kill it (SIGKILL) after its first checkpoint; the run's folder."""
    with engine_slot():
        process = subprocess.Popen(
            words_of("run", "emollm-glm4-lora", "--rehearse", *words),
            cwd=workspace,
            env=variables(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        saved = "runs/*/*/adapter/checkpoint-*/trainer_state.json"
        until(
            lambda: any(workspace.glob(saved)) or process.poll() is not None,
            what="the first checkpoint",
            seconds=SECONDS,
        )
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in (*map(int, children), process.pid):
            os.kill(child, signal.SIGKILL)
        process.wait(SECONDS)
    return only_run(workspace)


def test_a_killed_training_goes_on_from_its_newest_checkpoint(
    environment: Environment, tmp_path: Path
) -> None:
    words = ("--set", "engine_options={save_strategy: steps, save_steps: 2, logging_steps: 1}")
    root = killed_training(tmp_path, *words)
    assert not (root / "adapter" / "train_results.json").exists()
    done: Done = recipe("run", "emollm-glm4-lora", "--rehearse", *words, cwd=tmp_path)
    assert done.code == 0, done.output
    assert "resume_from_checkpoint=adapter/checkpoint-" in done.output
    assert record(root)["state"] == "done"
    steps = [
        json.loads(line)["current_steps"]
        for line in (root / "adapter" / "trainer_log.jsonl").read_text().splitlines()
    ]
    assert steps[-1] == 14


def test_a_used_output_folder_is_moved_aside(
    emollm: Path, environment: Environment, tmp_path: Path
) -> None:
    shutil.copytree(emollm, tmp_path / "w", symlinks=True)
    words = ("--rehearse", "--from", "train", "--until", "train")
    done = recipe("run", "emollm-glm4-lora", *words, cwd=tmp_path / "w")
    assert done.code == 0, done.output
    root = only_run(tmp_path / "w")
    assert list((root / "superseded").glob("*-train/adapter/adapter_config.json"))
    # It trained again, and did not take the finished checkpoint for its own end (failure 37).
    assert '"train_runtime"' in (root / "adapter" / "train_results.json").read_text()
    assert "resume_from_checkpoint" not in done.output


def test_the_older_release_exports_a_tokenizer_that_loads_and_answers(
    chatglm3: Path, tmp_path: Path
) -> None:
    """The base model's files over the exported ones, and `recipe chat` with a file alone."""
    log = (only_run(chatglm3) / "logs" / "export.log").read_text(encoding="utf-8")
    assert "the base model's own: tokenizer_config.json" in log
    assert log.index("python restore_tokenizer.py") < log.index("the tokenizer reloads")
    assert "the same greedy answer as base and adapter" in log
    workspace = Path(shutil.copytree(chatglm3, tmp_path / "w", symlinks=True))
    with engine_slot():
        done = subprocess.run(
            words_of("chat", "chatglm3-lora", "--temperature", "0", "--max-new-tokens", "4"),
            cwd=workspace,
            env=variables(),
            input="你好\nexit\n",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "User: Assistant: " in done.stdout
    assert "max_new_tokens: 4" in (only_run(workspace) / "chat-with-keys.yaml").read_text()


def test_the_older_release_goes_on_from_a_checkpoint(chatglm3: Path, tmp_path: Path) -> None:
    """A training that was cut off after its checkpoint: the marker of its end is gone."""
    workspace = Path(shutil.copytree(chatglm3, tmp_path / "w", symlinks=True))
    root = only_run(workspace)
    (root / "adapter" / "train_results.json").unlink()
    kept = json.loads((root / "run.json").read_text(encoding="utf-8"))
    for stage in kept["stages"]:
        if stage["name"] in ("train", "export"):
            stage["state"] = "failed"
    (root / "run.json").write_text(json.dumps(kept), encoding="utf-8")
    done = recipe("run", "chatglm3-lora", "--rehearse", cwd=workspace)
    assert done.code == 0, done.output
    assert "with_keys.py train train.yaml resume_from_checkpoint=adapter/checkpoint-" in done.output
    made = (root / "train-with-keys.yaml").read_text(encoding="utf-8")
    assert "resume_from_checkpoint: adapter/checkpoint-" in made


def another_run(workspace: Path, *words: str) -> tuple[Path, Done]:
    """The run that `recipe run WORDS` makes beside those that are there, and how it ended."""
    before = runs_of(workspace)
    done = recipe(*words, cwd=workspace)
    assert done.code == 0, done.output
    (root,) = runs_of(workspace) - before
    assert record(root)["state"] == "done"
    return root, done


@pytest.fixture(scope="module")
def stages(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for runs of one recipe that differ in the stage of their training."""
    workspace = tmp_path_factory.mktemp("stages")
    (workspace / "mine.yaml").write_text(
        f"title: rows of many shapes\nengine: {RELEASE}\n"
        "model: {id: Qwen/Qwen2.5-0.5B-Instruct, template: qwen, architecture: qwen2}\n"
        "train: {method: lora, pack: false, max_length: 64}\n"
        "data: {sources: [{path: rows.json}]}\n"
    )
    return workspace


TEXTS = [{"text": "some words of a text " * 30}]
#: Stage, the demo file whose shape the rows have, the row format for the engine, and a curve.
STAGES = [
    ("dpo", "dpo_en_demo.json", "alpaca", "training_rewards_accuracies.png"),
    ("rm", "dpo_en_demo.json", "sharegpt", "training_loss.png"),
    ("kto", "kto_en_demo.json", "sharegpt", "training_loss.png"),
    ("sft", "glaive_toolcall_en_demo.json", "sharegpt", "training_loss.png"),
    ("pt", "", "alpaca", "training_loss.png"),
]


@pytest.mark.parametrize(("stage", "demo", "rows", "curve"), STAGES, ids=[one[0] for one in STAGES])
def test_other_stages_train_and_export(
    stage: str, demo: str, rows: str, curve: str, stages: Path
) -> None:
    if demo:
        demo_rows.write(demo, stages, times=6).replace(stages / "rows.json")
    else:
        (stages / "rows.json").write_text(json.dumps(TEXTS * 12))
    sets = ("--set", f"train.stage={stage}", "--set", f"data.rows={rows}")
    root, _ = another_run(stages, "run", "mine.yaml", "--rehearse", *sets)
    assert (root / "adapter" / curve).stat().st_size > 0
    assert (root / "merged" / "model.safetensors").is_file()
    report = json.loads((root / "check.json").read_text(encoding="utf-8"))
    assert report["figures"]["rows_dropped"] == 0


METHODS = [
    ("method=freeze", "freeze_layers=1", "neftune_alpha=5"),
    ("method=qlora", "quantization={bits: 8}", "pack=true", "lora={rank: 4, rslora: true}"),
    ("method=lora", "lora={rank: 4, dora: true}"),
]


@pytest.mark.parametrize("train", METHODS, ids=[one[0] for one in METHODS])
def test_other_methods_train_and_export(
    train: tuple[str, ...], cognition: Path, tmp_path: Path
) -> None:
    workspace = Path(shutil.copytree(cognition, tmp_path / "w", symlinks=True))
    sets = [word for one in train for word in ("--set", f"train.{one}")]
    root, done = another_run(workspace, *HOMEWORK, *sets)
    assert (root / "merged" / "model.safetensors").is_file()
    assert "make_standin.py" not in done.output  # rows and stand-in are those of the first run
