"""What the XComposer2 engine renders, refuses and proves: without a process, without torch."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import is_chinese
from orchestrator.engines import xcomposer2
from orchestrator.engines.xcomposer2 import proofs, settings
from orchestrator.engines.xcomposer2.settings import FOLDER
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build
from orchestrator.recipe.load import load as load_alone
from tests.support.engine_runs import REPOSITORY
from tests.support.weight_files import adapter_tensors, filled, torch_zip

MODULE = "model.layers.0.attention.wqkv"
#: The flags that the tutorial's two scripts share, and what each has of its own (finetune.sh,
#: finetune_lora.sh at the release's commit). The output folder is the run's.
SHARED = {
    "img_size": "490", "hd_num": "-1", "given_num": "True", "bf16": "True",
    "num_train_epochs": "1", "batch_size": "1", "per_device_train_batch_size": "1",
    "per_device_eval_batch_size": "1", "gradient_accumulation_steps": "8",
    "evaluation_strategy": "no", "save_strategy": "epoch", "save_total_limit": "1",
    "weight_decay": "0.1", "adam_beta2": "0.95", "warmup_ratio": "0.01",
    "lr_scheduler_type": "cosine", "logging_steps": "1", "report_to": "none",
    "max_length": "4096", "deepspeed": "ds_config_zero2.json", "gradient_checkpointing": "True",
}  # fmt: skip
OWN = {
    method: {**dict.fromkeys(("fix_vit", "fix_sampler", "use_lora"), word), "learning_rate": rate}
    for method, word, rate in (("full", "False", "1e-5"), ("lora", "True", "5e-5"))
}
LAUNCH = {
    "nproc_per_node": "8", "nnodes": "1", "node_rank": "0",
    "master_addr": "localhost", "master_port": "6001",
}  # fmt: skip
WORDS = 'torchrun() { printf "%s\\0" "$@"; }; export -f torchrun; '


def started(script: Path, cwd: Path, **more: str) -> tuple[dict[str, str], str, dict[str, str]]:
    """(torchrun's own words, its script, the script's flags) that a shell script would start."""
    keep = ("NPROC_PER_NODE", "NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
    env = {key: value for key, value in os.environ.items() if key not in keep}
    done = subprocess.run(
        ["bash", "-c", f"{WORDS} bash {shlex.quote(str(script))}"],
        cwd=cwd,
        env={**env, "INTERNLM_XCOMPOSER": "/source", **more},
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.split("\0")[:-1]
    at = next(n for n, word in enumerate(words) if word.endswith(".py"))
    return pairs(words[:at]), words[at], pairs(words[at + 1 :])


def pairs(words: list[str]) -> dict[str, str]:
    assert len(words) % 2 == 0
    return {
        name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)
    }


def rendered(folder: Path, name: str, *sets: str, rehearse: bool = False) -> Path:
    job = build(load_alone(name, sets=sets, environ={}), rehearse=rehearse, must_find_rows=False)
    for file in xcomposer2.files(job):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
    return folder / "train.sh"


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_shipped_recipe_is_the_tutorials_script_flag_by_flag(
    method: str, tmp_path: Path
) -> None:
    root = tmp_path / "a run"
    launch, script, flags = started(rendered(root, f"xcomposer2-{method}"), Path("/"))
    assert launch == LAUNCH
    assert script == f"/source/{FOLDER}/finetune.py"
    assert flags.pop("model_name_or_path") == f"{root}/internlm-xcomposer2-vl-7b"
    assert flags.pop("data_path") == "data/data.txt"
    assert flags.pop("output_dir") == settings.OUTPUT[method]
    assert flags == {**SHARED, **OWN[method]}
    config = json.loads((root / "ds_config_zero2.json").read_text())
    zero = config["zero_optimization"]
    assert (zero["stage"], zero["overlap_comm"], zero["offload_optimizer"]["device"]) == (
        2,
        True,
        "none",
    )
    assert "CUDA_DEVICE_MAX_CONNECTIONS=1" in (root / "train.sh").read_text()


UPSTREAM = os.environ.get("RECIPE_SOURCE_XCOMPOSER2_0F70C3E", "")


@pytest.mark.skipif(not UPSTREAM, reason="RECIPE_SOURCE_XCOMPOSER2_0F70C3E names no checkout")
@pytest.mark.parametrize(
    ("method", "name"), [("full", "finetune.sh"), ("lora", "finetune_lora.sh")]
)
def test_and_of_the_real_checkout(method: str, name: str, tmp_path: Path) -> None:
    commit = xcomposer2.releases[0].checkouts[0].commit
    for file in (name, "ds_config_zero2.json"):
        argv = ["git", "-C", UPSTREAM, "show", f"{commit}:{FOLDER}/{file}"]
        (tmp_path / file).write_text(
            subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        )
    script = (tmp_path / name).read_text()
    script = script.replace('"model name or path"', "M").replace('"path of data"', "D")
    (tmp_path / name).write_text(script)
    theirs = started(tmp_path / name, tmp_path)
    root = tmp_path / "run"
    ours = started(rendered(root, f"xcomposer2-{method}"), root)
    assert ours[0] == theirs[0]
    differ = {
        key for key in ours[2].keys() | theirs[2].keys() if ours[2].get(key) != theirs[2].get(key)
    }
    assert differ == {"model_name_or_path", "data_path", "output_dir"}
    assert json.loads((root / "ds_config_zero2.json").read_text()) == json.loads(
        (tmp_path / "ds_config_zero2.json").read_text()
    )


def test_the_launchers_variables_and_words_of_the_user_win(tmp_path: Path) -> None:
    script = rendered(tmp_path, "xcomposer2-lora", "train.gpus=2")
    launch, _, flags = started(script, tmp_path, NPROC_PER_NODE="4", MASTER_PORT="6002")
    assert (launch["nproc_per_node"], launch["master_port"]) == ("4", "6002")
    resumed = started(script, tmp_path, RESUME_FROM="adapter/checkpoint-2")[2]
    assert resumed == {**flags, "resume_from_checkpoint": "adapter/checkpoint-2"}


def test_a_rehearsal_asks_for_no_gpu_and_any_port(tmp_path: Path) -> None:
    launch, _, flags = started(rendered(tmp_path, "xcomposer2-full", rehearse=True), tmp_path)
    assert (launch["nproc_per_node"], launch["master_port"]) == ("1", "0")
    assert (flags["bf16"], flags["max_steps"], flags["save_steps"]) == ("False", "3", "2")
    assert "deepspeed" not in flags
    assert (flags["fix_vit"], flags["img_size"]) == ("False", "490")


def test_options_and_keys_become_flags(tmp_path: Path) -> None:
    sets = ("train.lora.rank=8", "train.lora.alpha=16", "train.lora.targets=[attention.wo]",
            "train.save_steps=-1", "train.deepspeed=zero2_offload", "engine_options.ddp_timeout=60",
            "train.warmup_ratio=0")  # fmt: skip
    script = rendered(tmp_path, "xcomposer2-lora", *sets)
    flags = started(script, tmp_path)[2]
    assert (flags["lora_r"], flags["lora_alpha"], flags["lora_target_modules"]) == (
        "8", "16", "attention.wo",
    )  # fmt: skip
    assert (flags["save_strategy"], flags["ddp_timeout"]) == ("no", "60")
    config = json.loads((tmp_path / flags["deepspeed"]).read_text())
    assert config["zero_optimization"]["offload_optimizer"]["device"] == "cpu"


def test_the_adapter_is_merged_by_the_tutorials_script_over_an_absolute_base(
    tmp_path: Path,
) -> None:
    rendered(tmp_path, "xcomposer2-lora")
    text = (tmp_path / "merge.sh").read_text()
    assert "merge_peft_adapter.py" in text
    assert '--base_model_name="$PWD"/internlm-xcomposer2-vl-7b' in text
    assert "|" not in re.sub(r"#.*", "", (tmp_path / "train.sh").read_text() + text)  # no pipe


REFUSED = [
    ("train.batch_size=2", "train.batch_size", "must be 1"),
    ("train.method=qlora", "train.method", "no qlora"),
    ("train.stage=dpo", "train.stage", "answers alone"),
    ("train.deepspeed=zero3", "train.deepspeed", "ZeRO-2"),
    ("model.template=internlm2_chat", "model.template", "own marks"),
    ("model.path=/a/folder", "model.trust_remote_code", "runs the code"),
    ("engine_options.img_size=224", "engine_options.img_size", "cannot be 224"),
    ("engine_options.imgsize=490", "engine_options.imgsize", "no such flag"),
    ("engine_options.given_num=false", "engine_options.given_num", "not an option's"),
    ("engine_options.data_path=x.txt", "engine_options.data_path", "not an option's"),
    ("train.flash_attention=fa2", "train.flash_attention", "no such switch"),
    ("train.lora.dora=true", "train.lora.dora", "no such switch"),
    ("train.scheduler=cosin", "train.scheduler", "knows no"),
    ("evaluate.validation_share=0.1", "evaluate.validation_share", "held-out"),
    ("data.rows=alpaca", "data.rows", "alpaca"),
]


@pytest.mark.parametrize(("change", "key", "words"), REFUSED)
def test_what_the_script_cannot_do_is_refused_with_its_key(
    change: str, key: str, words: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load("xcomposer2-lora", sets=[change], environ={})
    assert key in str(caught.value)
    assert words in str(caught.value)


def test_both_languages_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPE_LANG", "zh")
    is_chinese.cache_clear()
    try:
        with pytest.raises(RecipeError, match="必须是 1"):
            load("xcomposer2-lora", sets=["train.batch_size=2"], environ={})
    finally:
        is_chinese.cache_clear()


def test_the_other_two_models_have_pictures_of_their_own() -> None:
    for sets in (
        ("model.id=x/internlm-xcomposer2-7b", "engine_options.img_size=224"),
        ("model.id=x/internlm-xcomposer2-4khd-7b", "engine_options.hd_num=16"),
    ):
        load("xcomposer2-lora", sets=[*sets, "model.trust_remote_code=true"], environ={})
    with pytest.raises(RecipeError, match="hd_num"):
        load(
            "xcomposer2-lora", environ={},
            sets=["model.id=x/internlm-xcomposer2-4khd-7b", "model.trust_remote_code=true"],
        )  # fmt: skip


# ------------------------------------------------------------------ what it leaves


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A finished adapter and its base."""
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_model.bin").write_bytes(torch_zip(adapter_tensors([MODULE]), under=None))
    config = {"r": 2, "target_modules": ["attention.wqkv"], "base_model_name_or_path": str(base)}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    state(folder, 3, [1.5, 1.25])
    return folder


def state(folder: Path, step: int, losses: list[float]) -> None:
    logged = [{"loss": loss} for loss in losses]
    text = json.dumps({"global_step": step, "max_steps": 3, "log_history": logged})
    (folder / "trainer_state.json").write_text(text)


def test_a_whole_adapter_is_taken(adapter: Path) -> None:
    facts = proofs.LORA.check(adapter, None)
    assert (facts["steps"], facts["modules"], facts["base"]) == (3, 1, str(adapter.parent / "base"))


def relative(folder: Path) -> None:
    text = (folder / "adapter_config.json").read_text()
    (folder / "adapter_config.json").write_text(text.replace(str(folder.parent / "base"), "./base"))


def moved(folder: Path) -> None:
    (folder.parent / "base" / "config.json").unlink()


def early(folder: Path) -> None:
    state(folder, 2, [1.5])


def zero(folder: Path) -> None:
    state(folder, 3, [0.0])


def weightless(folder: Path) -> None:
    (folder / "adapter_model.bin").unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (relative, "names the base model 'base'"),
        (moved, "is not there"),
        (early, "ended at step 2 of 3"),
        (zero, "its loss was 0"),
        (weightless, "no weights"),
    ],
)
def test_what_is_not_whole_is_named(adapter: Path, damage: object, words: str) -> None:
    damage(adapter)  # type: ignore[operator]
    with pytest.raises(RecipeError, match=words):
        proofs.LORA.check(adapter, None)


def test_a_merged_model_is_no_adapter(tmp_path: Path) -> None:
    weights = {f"{MODULE}.weight": filled((4, 4), dtype="BF16")}
    (tmp_path / "pytorch_model.bin").write_bytes(torch_zip(weights, under=None))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.model").write_text("words")
    assert proofs.MERGED.check(tmp_path, None)["types"] == "bfloat16"
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(RecipeError, match="still an adapter"):
        proofs.MERGED.check(tmp_path, None)


def test_the_newest_checkpoint_is_found_in_either_folder(tmp_path: Path) -> None:
    for name in ("checkpoint-2", "checkpoint-10"):
        place = tmp_path / "work" / name
        place.mkdir(parents=True)
        for file in ("optimizer.pt", "scheduler.pt", "pytorch_model.bin"):
            (place / file).write_text("x")
        state(place, 2, [])
    assert xcomposer2.newest_checkpoint(tmp_path) == tmp_path / "work" / "checkpoint-10"


# ------------------------------------------------------------------ scripts for its Python


def module(path: str) -> ModuleType:
    """A script of the engine's as a module: its functions need no torch."""
    file = REPOSITORY / "orchestrator" / "engines" / "xcomposer2" / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_the_stand_ins_code_loses_its_large_numbers_alone(tmp_path: Path) -> None:
    maker = module("probes/make_standin.py")
    config = {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
              "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 9}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "build_mlp.py").write_text(
        "mm_hidden_size = 1024\nhidden_size = 4096\nx = 14096\ny = torch.nn.Embedding(n, 1024)\n"
    )
    code = tmp_path / "modeling_internlm_xcomposer2.py"
    code.write_text("p = torch.zeros([1, 1, 4096])\nmax_new_tokens = 1024\n")
    width, small = maker.shrink_config(tmp_path)
    assert (width, small) == (4096, 64)
    assert maker.shrink_code(tmp_path, width, small) == 64
    assert (tmp_path / "build_mlp.py").read_text() == (
        "mm_hidden_size = 64\nhidden_size = 64\nx = 14096\ny = torch.nn.Embedding(n, 64)\n"
    )
    assert code.read_text() == "p = torch.zeros([1, 1, 64])\nmax_new_tokens = 1024\n"
    assert json.loads((tmp_path / "config.json").read_text())["vocab_size"] == 9


SCRIPT = """\
from transformers import Trainer
class Args: resume_from_checkpoint = {flag!r}
trainer = Trainer()
trainer.args = Args()
print(trainer.train({given}))
"""


@pytest.mark.parametrize(
    ("flag", "given", "heard"), [("work/checkpoint-2", "", "work/checkpoint-2"), (None, "", "None"),
                                 ("a", "'b'", "b")],
)  # fmt: skip
def test_the_shim_hands_the_flag_to_train(
    tmp_path: Path, flag: str | None, given: str, heard: str
) -> None:
    """transformers in miniature: a lazy package, as the real one is."""
    package = tmp_path / "transformers"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import importlib\ndef __getattr__(name):\n"
        "    return importlib.import_module('transformers.trainer').Trainer\n"
    )
    (package / "trainer.py").write_text(
        "class Trainer:\n    def train(self, resume_from_checkpoint=None):\n"
        "        return resume_from_checkpoint\n"
    )
    shim = REPOSITORY / "orchestrator" / "engines" / "xcomposer2" / "shim"
    path = os.pathsep.join([str(shim), str(tmp_path)])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(flag=flag, given=given)],
        env={"PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == (heard, "")


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The check script in a folder with a list of two sets; what it found is its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    found = module("probes/check.py")
    for name in ("FAULTS", "WARNINGS", "FIGURES"):
        getattr(found, name).clear()
    turns = [{"from": "user", "value": "a"}, {"from": "assistant", "value": "b"}]
    Path("vl.json").write_text(json.dumps([{"image": ["a.png"], "conversations": turns}] * 3))
    Path("text.json").write_text(json.dumps([{"conversations": turns}] * 5))
    Path("data.txt").write_text("vl.json 0.003\ntext.json 0.005\n")
    return found


def test_the_check_counts_rows_and_steps_and_says_how_kinds_of_rows_take_turns(
    check: ModuleType,
) -> None:
    sets = check.sets_of("data.txt")
    assert {name: count for name, (count, _) in sets.items()} == {"vl.json": 3, "text.json": 5}
    training = SimpleNamespace(gradient_accumulation_steps=2, num_train_epochs=2, max_steps=-1)
    check.FIGURES["gpus"] = 1
    check.figures(sets, training, {"gpus": 1, "rehearsal": False})
    assert (check.FIGURES["rows"], check.FIGURES["optimizer_steps"]) == (8, 8)
    assert "one with and then two without" in check.WARNINGS[0]
    assert check.FAULTS == []


def test_rows_without_pictures_want_a_gpu_before_anything_trains(check: ModuleType) -> None:
    training = SimpleNamespace(gradient_accumulation_steps=1, num_train_epochs=1, max_steps=3)
    check.FIGURES["gpus"] = 0
    check.figures(check.sets_of("data.txt"), training, {"gpus": 1, "rehearsal": False})
    assert "without pictures" in check.FAULTS[0]["what"]
    check.FAULTS.clear()
    check.figures(check.sets_of("data.txt"), training, {"gpus": 1, "rehearsal": True})
    assert check.FAULTS == []
