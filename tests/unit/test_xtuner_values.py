"""What a config says of data sets, stages, tokenizers, trackers, and a template of one's own."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base.errors import UsageError
from orchestrator.engines import registry
from orchestrator.engines.xtuner import commands
from orchestrator.engines.xtuner.values import tokenizer_arguments
from orchestrator.planning import job as jobs
from orchestrator.planning import pack
from orchestrator.planning.feasible import load
from orchestrator.recipe.schema import Model
from tests.support.xtuner_cases import HOSTILE, config_of

VERSIONS = ("0.2.0", "0.1.9")
SETS = (
    "{dataset: tatsu-lab/alpaca, map_fn: alpaca_map_fn}",
    "{dataset: org/2.zh-rows, map_fn: oasst1_map_fn, subset: zh, split: 'train[:10]'}",
    "{dataset: other/alpaca, map_fn: alpaca_zh_map_fn}",
    "{self_cognition: {name: A}}",
)


def lines(*sets: str, version: str = "0.2.0") -> list[str]:
    text = config_of("oasst1-qlora", *sets, version=version)
    ast.parse(text)
    return [line.strip() for line in text.splitlines()]


def sources(*items: str) -> str:
    return f"data.sources=[{', '.join(items)}]"


@pytest.mark.parametrize("version", VERSIONS)
def test_each_data_set_has_its_own_map_function(version: str) -> None:
    text = lines(sources(*SETS), version=version)
    mapped = [line for line in text if line.startswith("dataset_map_fn=")]
    functions = ("alpaca_map_fn", "oasst1_map_fn", "alpaca_zh_map_fn", "None")
    assert mapped == [f"dataset_map_fn={name}," for name in functions]
    assert 'alpaca_data_path = "tatsu-lab/alpaca"' in text
    assert 'alpaca_data_2_path = "other/alpaca"' in text
    assert 'own_rows_path = "data/train.jsonl"' in text
    assert {'name="zh",', 'split="train[:10]",'} <= set(text)
    assert "type=ConcatDataset," in " ".join(text)
    assert "set_2_zh_rows_data = dict(" in text


def test_one_hub_data_set_can_name_its_subset_and_split() -> None:
    text = lines(sources("{dataset: a/b, map_fn: c_map_fn, subset: en}"))
    assert 'name="en",' in text
    assert not any("ConcatDataset" in line or line.startswith("split=") for line in text)


def test_rows_of_a_file_with_one_map_function_are_kept_for_it(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")
    one = f"{{path: {tmp_path}/a.json, map_fn: alpaca_map_fn}}"
    other = f"{{path: {tmp_path}/a.json, map_fn: oasst1_map_fn}}"
    plain = f"{{path: {tmp_path}/a.json}}"
    assert "dataset_map_fn=alpaca_map_fn," in lines(sources(one, one))
    for mixed in (sources(one, other), sources(one, plain), sources(plain)):
        assert "dataset_map_fn=None," in lines(mixed)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_pre_training_reads_texts_and_has_no_prompt_template(version: str, method: str) -> None:
    text = lines(
        "train.stage=pt", f"train.method={method}", "evaluate.prompts=[A]", version=version
    )
    assert "template_map_fn=None," in text
    assert 'evaluation_inputs = ["A"]' in text
    assert not any("PROMPT_TEMPLATE" in line or "prompt_template" in line for line in text)
    asked = lines("train.stage=pt", "evaluate.system=Be brief.", version=version)
    assert {'SYSTEM = "Be brief."', "system=SYSTEM,"} <= set(asked)
    plain = lines("train.stage=pt", sources("{dataset: a/b}"), version=version)
    assert "dataset_map_fn=pretrain_map_fn," in plain


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        ("ZhipuAI/chatglm3-6b", {"encode_special_tokens": True, "padding_side": "left"}),
        ("THUDM/ChatGLM3-6B-Base", {"encode_special_tokens": True, "padding_side": "left"}),
        ("ZhipuAI/chatglm2-6b", {"padding_side": "left"}),
        ("qwen/Qwen-7B-Chat", {"padding_side": "right", "eos_token": "<|im_end|>"}),
        ("Qwen/Qwen-1_8B", {"padding_side": "right", "eos_token": "<|endoftext|>"}),
        ("Qwen/Qwen1.5-7B-Chat", {"padding_side": "right"}),
        ("Qwen/Qwen2-7B-Instruct", {"padding_side": "right"}),
        ("openbmb/MiniCPM-2B-sft-bf16", {"padding_side": "right", "eos_token": "</s>"}),
        ("openbmb/MiniCPM3-4B", {"padding_side": "right"}),
        ("/models/chatglm3-6b/", {"encode_special_tokens": True, "padding_side": "left"}),
        ("internlm/internlm2-chat-7b", {"padding_side": "right"}),
    ],
)
def test_the_tokenizer_is_loaded_as_xtuner_loads_its_family(
    model: str, arguments: dict[str, Any]
) -> None:
    assert tokenizer_arguments(Model(id=model, template="t")) == arguments
    standin = tokenizer_arguments(Model(id=model, template="t"), standin=True)
    assert standin == {key: value for key, value in arguments.items() if key != "eos_token"}


def test_tokenizer_arguments_may_be_set() -> None:
    text = lines("engine_options={tokenizer.padding_side: left, tokenizer.use_fast: false}")
    assert {'padding_side="left",', "use_fast=False,"} <= set(text)


@pytest.mark.parametrize(("trust", "words"), [("true", "True"), ("false", "False")])
def test_the_models_own_code_runs_only_where_it_is_trusted(trust: str, words: str) -> None:
    text = lines(f"model.trust_remote_code={trust}")
    assert text.count(f"trust_remote_code={words},") == 2
    assert sum("trust_remote_code" in line for line in text) == 2


def test_a_tracker_gets_the_curves_and_an_unknown_one_is_refused() -> None:
    text = lines("train.report_to=[tensorboard, wandb]")
    assert {"dict(type=TensorboardVisBackend),", "dict(type=WandbVisBackend),"} <= set(text)
    assert "visualizer = None" in lines("train.report_to=[]")
    with pytest.raises(UsageError, match="did you mean tensorboard"):
        lines("train.report_to=[tensorbord]")


def test_no_checkpoint_before_the_end() -> None:
    assert "save_steps = -1" in lines("train.save_steps=-1")
    assert "save_steps = -1" in lines("train.save_steps=-1", version="0.1.9")


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("train.preference.beta=0.1", "train.preference.beta"),
        ("engine_options.launcher=slurm", "engine_options.launcher"),
        ("engine_options.work_dir=elsewhere", "engine_options.work_dir"),
        ("data.sources.0.fields={instruction: q}", "data.sources.0.fields"),
        ("data.sources.0.weight=2", "data.sources.0.weight"),
        ("data.sources.0.sample_rows=9", "data.sources.0.sample_rows"),
        ("data.sources.0.system=Be brief", "data.sources.0.system"),
        ("data.sources.0.clean={strip_html: true}", "data.sources.0.clean"),
        ("data.sources.0.format=alpaca", "data.sources.0.format"),
        ("data.sources.0.columns={input: A, output: B}", "data.sources.0.columns"),
        ("data.split.train=0.5", "data.split.train"),
        ("data.dedupe=exact", "data.dedupe"),
        ("train.max_samples=5", "train.max_samples"),
        (f"data.sources.0.map_fn={HOSTILE}", "data.sources.0.map_fn"),
    ],
)
def test_what_xtuner_cannot_do_with_a_source_is_an_objection(setting: str, key: str) -> None:
    with pytest.raises(UsageError, match=key):
        load("oasst1-qlora", sets=[setting], environ={})


def test_the_recipes_variables_reach_every_command_and_a_rehearsal_takes_one_thread() -> None:
    loaded = load("medqa-qlora", sets=["env={NCCL_DEBUG: INFO}"], environ={})
    job = jobs.build(loaded, must_find_rows=False)
    made = [commands.train(job), commands.convert(job), commands.merge(job)]
    assert all(command.env["NCCL_DEBUG"] == "INFO" for command in made)
    assert not any("OMP_NUM_THREADS" in command.defaults for command in made)
    rehearsal = jobs.build(loaded, rehearse=True, must_find_rows=False)
    made = [commands.train(rehearsal), commands.convert(rehearsal), commands.merge(rehearsal)]
    assert all(command.defaults["OMP_NUM_THREADS"] == "1" for command in made)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("custom_hooks.1.every_n_iters=5", True),
        ("custom_hooks.1={$delete: true}", False),
        ("log_level=WARNING", False),
    ],
)
def test_the_last_words_of_a_training_are_expected_where_its_config_says_them(
    option: str, expected: bool
) -> None:
    loaded = load("medqa-qlora", sets=[f"engine_options.{option}"], environ={})
    job = jobs.build(loaded, must_find_rows=False)
    assert (commands.train(job).succeeded is not None) is expected


TEMPLATE = """# {{ title | comment }}
lr = {{ train.learning_rate }}
system = {{ system }}
model = dict(llm=dict(path={{ model_path }}))
{% for key, value in tokenizer_arguments.items() %}
{{ key | name }} = {{ value }}
{% endfor %}
"""


def own(folder: Path, template: str, *sets: str) -> str:
    """The config of a recipe beside which ``template`` stands."""
    (folder / "mine.py.jinja").write_text(template, encoding="utf-8")
    recipe = folder / "mine.yaml"
    recipe.write_text("extends: medqa-qlora\ntemplate_file: mine.py.jinja\n", encoding="utf-8")
    loaded = load(str(recipe), sets=sets, environ={})
    job = jobs.build(loaded, must_find_rows=False)
    (config, *_) = registry.get("xtuner").files(job)
    return config.text


def test_a_template_of_ones_own_stands_beside_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    text = own(tmp_path, TEMPLATE, "engine_options={model.llm.deep: 1}")
    assert 'model = dict(llm=dict(path="./internlm-chat-7b", deep=1))' in text.splitlines()
    child = tmp_path / "elsewhere"
    child.mkdir()
    (child / "child.yaml").write_text("extends: ../mine.yaml\n", encoding="utf-8")
    loaded = load(str(child / "child.yaml"), environ={})
    assert loaded.recipe.template_file == str(tmp_path / "mine.py.jinja")


def test_what_a_recipe_says_stays_data_in_ones_own_template(tmp_path: Path) -> None:
    text = own(tmp_path, TEMPLATE, f"title={HOSTILE}", f"evaluate.system={HOSTILE}")
    tree = ast.parse(text)
    names = [ast.unparse(node.targets[0]) for node in tree.body if isinstance(node, ast.Assign)]
    assert names == ["lr", "system", "model", "padding_side"]


def test_a_template_may_build_on_a_shipped_one(tmp_path: Path) -> None:
    text = own(
        tmp_path, '{% include "xtuner/0.2.0/sft.py.jinja" %}\nfind_unused_parameters = True\n'
    )
    assert text.endswith("log_processor = dict(by_epoch=False)\nfind_unused_parameters = True\n")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("a = 1\n{% if %}\n", "mine.py.jinja:2 is no template"),
        ("a = 1\nb = {{ nothing_like_that }}\n", "mine.py.jinja:2 cannot be filled in"),
        ("a = {{ ''.__class__.__mro__ }}\n", "cannot be filled in"),
        ("a = {{ train.lora.rank.bits }}\n", "cannot be filled in"),
        ("{{ title | name }} = 1\n", "cannot be filled in"),
        ("a = = {{ train.seed }}\n", "is no Python line 1"),
        ("{% for n in range(10 ** 9) %}{% endfor %}", "cannot be filled in"),
        ("{% include '../../etc/passwd' %}", "cannot be filled in"),
    ],
)
def test_what_is_wrong_with_a_template_is_told_with_its_line(
    tmp_path: Path, template: str, words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        own(tmp_path, template)
    assert words in str(caught.value)
    assert "mine.yaml:2:" in str(caught.value)
    assert "template_file" in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_pack_and_a_run_keep_the_template_beside_the_resolved_recipe(tmp_path: Path) -> None:
    shipped = '{% include "xtuner/0.2.0/sft.py.jinja" %}\nfind_unused_parameters = True\n'
    config = own(tmp_path, shipped)
    pack.write(str(tmp_path / "mine.yaml"), tmp_path / "pack")
    assert (tmp_path / "pack" / "template.py.jinja").read_text() == shipped
    assert (tmp_path / "pack" / "config.py").read_text() == config
    lock = (tmp_path / "pack" / "recipe.lock.yaml").read_text()
    assert "template_file: template.py.jinja" in lock.splitlines()
    assert str(tmp_path) not in lock
    again = load(str(tmp_path / "pack" / "recipe.lock.yaml"), environ={})
    assert again.recipe.template_file == str(tmp_path / "pack" / "template.py.jinja")


def test_a_template_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: medqa-qlora\ntemplate_file: gone.jinja\n")
    with pytest.raises(UsageError, match=r"gone\.jinja cannot be read \(No such file"):
        load(str(tmp_path / "mine.yaml"), environ={})


@pytest.mark.parametrize(
    ("model", "sees"),
    [
        ("OpenGVLab/InternVL2-2B", True),
        ("Qwen/Qwen2-VL-7B-Instruct", True),
        ("llava-hf/llava-1.5-7b-hf", True),
        ("Shanghai_AI_Laboratory/internlm-xcomposer2-7b", True),
        ("openbmb/MiniCPM-V-2", True),
        ("./models/deepseek-vl", True),
        ("Qwen/Qwen2-7B-Instruct", False),
        ("openvla/evlm-7b", False),
        ("internlm/internlm2-chat-7b", False),
    ],
)
def test_a_vision_model_is_refused_before_anything_starts(model: str, sees: bool) -> None:
    if not sees:
        load("medqa-qlora", sets=[f"model.id={model}"], environ={})
        return
    with pytest.raises(UsageError, match="a vision model is not wrapped"):
        load("medqa-qlora", sets=[f"model.id={model}"], environ={})
