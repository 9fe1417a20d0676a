"""ChatGLM3: flags as in the tutorial's scripts, what is refused, and what it says of a recipe."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base.errors import UsageError
from orchestrator.engines import chatglm3
from orchestrator.engines.chatglm3 import settings
from orchestrator.engines.job import Job
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build, stages
from orchestrator.recipe.faults import RecipeFaults

#: What every script at the release's commit passes; paths are the run's own.
_COMMON = {
    "preprocessing_num_workers": "1",
    "logging_steps": "1",
    "resume_from_checkpoint": "True",
    "train_file": "data/train.jsonl",
    "model_name_or_path": "./chatglm3-6b",
    "output_dir": "work",
}
_TALKS = {"train_format": "multi-turn", "max_seq_length": "2048"}
_PAIRS = {"train_format": "input-output", "max_source_length": "1024", "max_target_length": "128"}
_PREFIX = {"learning_rate": "2e-2", "pre_seq_len": "128", "max_steps": "1000", "save_steps": "500"}
_WHOLE = {"fp16": "", "deepspeed": "deepspeed/zero2.json"}


def _batch(rows: int, added: int) -> dict[str, str]:
    return {
        "per_device_train_batch_size": str(rows),
        "gradient_accumulation_steps": str(added),
    }


_STEPS_200 = {"max_steps": "200", "save_steps": "50"}
_STEPS_500 = {"max_steps": "500", "save_steps": "500", "learning_rate": "1e-4"}
#: Recipe -> the tutorial's script, its GPUs, its flags.
SCRIPTS = {
    "chatglm3-toolalpaca-ptuning": (
        "finetune_pt_multiturn.sh",
        1,
        {**_TALKS, **_PREFIX, **_batch(1, 16)},
    ),
    "chatglm3-advertisegen-ptuning": (
        "finetune_pt.sh",
        1,
        {**_PAIRS, **_PREFIX, **_batch(1, 32)},
    ),
    "chatglm3-toolalpaca-full": (
        "finetune_ds_multiturn.sh",
        4,
        {**_TALKS, **_WHOLE, **_STEPS_200, **_batch(16, 1)},
    ),
    "chatglm3-advertisegen-full": (
        "finetune_ds.sh",
        4,
        {**_PAIRS, **_WHOLE, **_STEPS_500, **_batch(4, 1)},
    ),
}
PTUNING = "chatglm3-toolalpaca-ptuning"
FULL = "chatglm3-toolalpaca-full"


def job_of(name: str, *sets: str, rehearse: bool = False) -> Job:
    loaded = load(name, sets=sets, environ={})
    return build(loaded, rehearse=rehearse, must_find_rows=False)


def script_of(job: Job) -> str:
    return chatglm3.files(job)[0].text


def flags_of(script: str) -> tuple[dict[str, str], dict[str, str]]:
    """(torchrun's flags, finetune.py's flags) of a shell script that starts it."""
    line = next(
        part for part in script.replace("\\\n", " ").splitlines() if part.startswith("torchrun")
    )
    before, _, after = line.partition("finetune.py")
    return _pairs(before), _pairs(after.split("2>&1")[0].replace('"$@"', ""))


def _pairs(words: str) -> dict[str, str]:
    found = re.findall(r"--(\w+)[= ]?((?:(?!--)\S)*)", words)
    return {name: value.strip("\"'") for name, value in found}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_flag_is_the_tutorials(name: str) -> None:
    _, gpus, wanted = SCRIPTS[name]
    launched, flags = flags_of(script_of(job_of(name)))
    assert launched == {"standalone": "", "nnodes": "1", "nproc_per_node": str(gpus)}
    assert flags == {**_COMMON, **wanted}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_rendered_script(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.train.sh", script_of(job_of(name)))


def _checkout() -> Path | None:
    """A real checkout: the setting's, when it has files, else the environment's."""
    from orchestrator.envs import inventory

    [release] = chatglm3.releases
    own = os.environ.get("RECIPE_SOURCE_CHATGLM3_9ACC547")
    made = inventory.find(release)
    places = [Path(own)] if own else []
    places += [made.checkout("ChatGLM3")] if made else []
    return next((one for one in places if (one / "finetune_chatmodel_demo").is_dir()), None)


def test_the_tutorials_scripts_themselves_pass_the_same_flags() -> None:
    """Of the real checkout: the shell's variables filled in, flag by flag."""
    checkout = _checkout()
    if checkout is None:
        pytest.skip("no checkout of ChatGLM3 here (recipe env install chatglm3@9acc547)")
    demo = checkout / "finetune_chatmodel_demo"
    for name, (script, gpus, _) in SCRIPTS.items():
        text = (demo / "scripts" / script).read_text()
        values = dict(re.findall(r"^(\w+)=([^`$\n]*)$", text, re.MULTILINE))
        filled = re.sub(r"\$\{?(\w+)\}?", lambda v, known=values: known.get(v[1], ""), text)  # type: ignore[misc]
        theirs, wanted = flags_of(filled)
        ours, flags = flags_of(script_of(job_of(name)))
        assert theirs["nproc_per_node"] == ours["nproc_per_node"] == str(gpus)
        paths = {"train_file", "model_name_or_path", "output_dir", "deepspeed"}
        assert flags.keys() == wanted.keys(), script
        assert {k: v for k, v in flags.items() if k not in paths} == {
            k: v for k, v in wanted.items() if k not in paths
        }, script
    job = job_of(FULL)
    ours_json = json.loads(chatglm3.files(job)[1].text)
    assert ours_json == json.loads((demo / "configs" / "deepspeed.json").read_text())


def test_what_the_tutorials_script_forgets_is_said() -> None:
    job = job_of(FULL)
    assert job.recipe.train.learning_rate == settings.LEARNING_RATE
    assert "learning_rate" not in settings.flags(job) or not settings.flags(job)["learning_rate"]
    assert any("forgets to pass it" in note for note in job.notes)
    assert "forgets to pass it" in script_of(job)
    assert settings.flags(job_of(FULL, "train.learning_rate=1e-4"))["learning_rate"] == 1e-4


@pytest.mark.parametrize(
    ("sets", "wanted"),
    [
        (["train.ptuning.quantization_bit=4"], {"quantization_bit": "4"}),
        (["train.ptuning.prefix_length=64"], {"pre_seq_len": "64"}),
        (["train.ptuning.projection=true"], {"prefix_projection": ""}),
        (["train.max_steps=null", "train.epochs=2"], {"num_train_epochs": "2"}),
        (["train.save_steps=-1"], {"save_strategy": "no"}),
        (["train.report_to=[]"], {"report_to": "none"}),
        (["train.seed=7"], {"seed": "7"}),
        (["engine_options.adam_beta1=0.8"], {"adam_beta1": "0.8"}),
        (["engine_options.use_cpu=true"], {"use_cpu": ""}),
        (["data.rows=prompt-response"], {"train_format": "input-output"}),
    ],
)
def test_what_a_recipe_says_becomes_a_flag(sets: list[str], wanted: dict[str, str]) -> None:
    _, flags = flags_of(script_of(job_of(PTUNING, *sets)))
    assert wanted.items() <= flags.items()
    if "train.max_steps=null" in sets:
        assert "max_steps" not in flags
    if "data.rows=prompt-response" in sets:
        assert "max_seq_length" not in flags


@pytest.mark.parametrize(
    ("name", "sets", "key"),
    [
        (PTUNING, "train.method=lora", "train.method"),
        (PTUNING, "train.stage=dpo", "train.stage"),
        (PTUNING, "train.deepspeed=zero2", "train.deepspeed"),
        (FULL, "train.deepspeed=zero3", "train.deepspeed"),
        (FULL, "train.ptuning.prefix_length=64", "train.ptuning.prefix_length"),
        (FULL, "train.ptuning.quantization_bit=8", "train.ptuning.quantization_bit"),
        (FULL, "engine_options.quantization_bit=8", "engine_options.quantization_bit"),
        (FULL, "engine_options.pre_seq_len=8", "engine_options.pre_seq_len"),
        (PTUNING, "engine_options.quantization_bit=5", "engine_options.quantization_bit"),
        (PTUNING, "engine_options.pre_seq_len=8", "engine_options.pre_seq_len"),
        (PTUNING, "engine_options.output_dir=x", "engine_options.output_dir"),
        (PTUNING, "engine_options.lerning_rate=1", "engine_options.lerning_rate"),
        (PTUNING, "engine_options.max_train_samples=9", "engine_options.max_train_samples"),
        (PTUNING, "engine_options.ptuning_checkpoint=a/b", "engine_options.ptuning_checkpoint"),
        (PTUNING, "engine_options.warmup_steps=few", "engine_options.warmup_steps"),
        (PTUNING, "train.gradient_checkpointing=false", "train.gradient_checkpointing"),
        (PTUNING, "train.flash_attention=fa2", "train.flash_attention"),
        (PTUNING, "train.lora.rank=8", "train.lora.rank"),
        (PTUNING, "train.optimizer=adam", "train.optimizer"),
        (PTUNING, "evaluate.validation_share=0.1", "evaluate.validation_share"),
        (PTUNING, "model.template=internlm_chat", "model.template"),
        (PTUNING, "model.path=/somewhere", "model.trust_remote_code"),
        (PTUNING, "data.rows=alpaca", "data.rows"),
        ("medqa-qlora", "train.method=ptuning", "train.method"),
        ("medqa-qlora", "train.ptuning.prefix_length=8", "train.ptuning.prefix_length"),
        ("chatglm3-lora", "train.method=ptuning", "train.method"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(name: str, sets: str, key: str) -> None:
    with pytest.raises(RecipeFaults) as caught:
        load(name, sets=[sets], environ={})
    assert key in {fault.key for fault in caught.value.faults}


def test_another_engine_refuses_a_prefix_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("extends: chatglm3-lora\ntrain:\n  method: ptuning\n")
    with pytest.raises(RecipeFaults) as caught:
        load(str(file), environ={})
    [fault] = [fault for fault in caught.value.faults if fault.key == "train.method"]
    assert str(fault.at).endswith("mine.yaml:3:11")
    assert "chatglm3@9acc547" in fault.why


def test_a_rehearsal_is_small_and_says_each_change() -> None:
    before = load("chatglm3-advertisegen-full", environ={}).recipe
    recipe, said = chatglm3.rehearse(before)
    train = recipe.train
    assert (train.gpus, train.deepspeed, train.precision) == (None, None, "fp32")
    assert (train.max_steps, train.batch_size, train.accumulate) == (4, 1, 1)
    assert train.save_steps == 2
    assert recipe.engine_options["use_cpu"] is True
    told = "\n".join(said)
    for key in ("gpus", "deepspeed", "precision", "max_steps", "max_source_length"):
        assert key in told
    bits = before.train.ptuning.model_copy(update={"quantization_bit": 4})
    quantised = before.model_copy(
        update={"train": before.train.model_copy(update={"method": "ptuning", "ptuning": bits})}
    )
    recipe, said = chatglm3.rehearse(quantised)
    assert recipe.train.ptuning.quantization_bit is None
    assert any("quantization_bit" in line for line in said)


def test_without_the_models_code_nothing_is_trained_and_that_is_said() -> None:
    loaded = load(PTUNING, environ={})
    job = build(loaded, rehearse=True, standin="native", must_find_rows=False)
    assert job.standin == "contract"
    assert stages(job) == ("data", "render", "check")
    assert "CONTRACT" in job.changes[0]
    assert "CONTRACT REHEARSAL" in script_of(job)
    assert job.model not in chatglm3.plan("check", job).inputs


def words_of(command: Any) -> str:
    return shlex.join(map(str, command.argv))


def test_chat_takes_the_base_tokenizer_and_the_length_of_the_prefix() -> None:
    prefix = words_of(chatglm3.chat(job_of(PTUNING, "train.ptuning.prefix_length=64"), {}))
    assert "--model ./chatglm3-6b --tokenizer ./chatglm3-6b" in prefix
    assert "--pt-checkpoint work --pt-pre-seq-len 64" in prefix
    whole = words_of(chatglm3.chat(job_of(FULL), {"max_new_tokens": 9, "extra": ("--device", "x")}))
    assert "--model ./work --tokenizer ./chatglm3-6b --max-new-tokens 9 --device x" in whole
    assert "pre-seq-len" not in whole
    with pytest.raises(UsageError, match="--temperature, --web"):
        chatglm3.chat(job_of(FULL), {"temperature": 0.5, "web": True, "system": "of the rows"})


@pytest.mark.parametrize("extra", [("--pt-pre-seq-len", "64"), ("--pt-pre-seq-len=64",)])
def test_a_chat_with_another_length_than_the_checkpoints_is_refused(extra: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="has 128 positions, not 64"):
        chatglm3.chat(job_of(PTUNING), {"extra": extra})
    assert chatglm3.chat(job_of(PTUNING), {"extra": ("--pt-pre-seq-len", "128")})


def test_the_demo_gets_its_variables() -> None:
    prefix = chatglm3.serve(job_of(PTUNING), {"port": 8501})
    assert dict(prefix.env) == {
        "MODEL_PATH": "./chatglm3-6b",
        "TOKENIZER_PATH": "./chatglm3-6b",
        "PT_PATH": "./work",
        "PRE_SEQ_LEN": "128",
    }
    assert "--server.address 127.0.0.1 --server.port 8501" in words_of(prefix)
    whole = chatglm3.serve(job_of(FULL), {})
    assert dict(whole.env) == {"MODEL_PATH": "./work", "TOKENIZER_PATH": "./chatglm3-6b"}
    with pytest.raises(UsageError):
        chatglm3.serve(job_of(FULL), {"model_name": "x"})


def test_bash_takes_every_rendered_script() -> None:
    for name in SCRIPTS:
        text = script_of(job_of(name, "title='; touch x #'"))
        assert subprocess.run(["bash", "-n"], input=text.encode(), check=False).returncode == 0
        assert "| tee" not in text.partition("set -euo pipefail")[2]
