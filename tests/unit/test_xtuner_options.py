"""engine_options: set, replace, delete, append and refer, in a config that XTuner reads."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import UsageError
from orchestrator.engines.xtuner.options import LIBRARIES, Options
from orchestrator.planning.feasible import load
from orchestrator.recipe.yaml_tree import parse
from tests.support.engine_runs import REPOSITORY
from tests.support.xtuner_cases import HOSTILE, config_of

VERSIONS = ("0.2.0", "0.1.9")


def edited(options: dict[str, Any], *sets: str, version: str = "0.2.0") -> list[str]:
    """The lines of a config with these options, without indent."""
    given_ = f"engine_options={json.dumps(options, ensure_ascii=False)}"
    text = config_of("medqa-qlora", given_, *sets, version=version)
    ast.parse(text)
    return [line.strip() for line in text.splitlines()]


def refused(options: dict[str, Any], *sets: str) -> str:
    with pytest.raises(UsageError) as caught:
        edited(options, *sets)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({"max_norm": 0.5}, ["max_norm = 0.5  # grad clip"]),
        ({"custom_hooks.1.every_n_iters": 5}, ["every_n_iters=5,"]),
        ({"custom_hooks": {"1": {"every_n_iters": 5}}}, ["every_n_iters=5,"]),
        ({"log_level": None}, ["log_level = None"]),
        ({"model.lora.r": 4}, ["r=4,"]),
        ({"model": {"lora": {"r": 4}}}, ["r=4,"]),
        ({"tokenizer": {"padding_side": "left"}}, ['padding_side="left",']),
        ({"tokenizer.eos_token": "<|im_end|>"}, ['eos_token="<|im_end|>",']),
        ({"model.lora": {"$delete": True}}, []),
        ({"custom_hooks.0": {"$delete": True}, "custom_hooks.1.system": ""}, ['system="",']),
        ({"load_from": {"$ref": "data_path"}}, ["load_from = data_path"]),
        (
            {"custom_hooks.+": {"type": "mmengine.hooks.EMAHook", "momentum": 1e-4}},
            ["dict(type=EMAHook, momentum=1e-4),", "from mmengine.hooks import EMAHook"],
        ),
        (
            {
                "visualizer": {
                    "type": "mmengine.visualization.Visualizer",
                    "vis_backends": [{"type": "mmengine.visualization.WandbVisBackend"}],
                }
            },
            [
                "visualizer = dict(type=Visualizer, vis_backends=[dict(type=WandbVisBackend)])",
                "from mmengine.visualization import Visualizer",
            ],
        ),
        (
            {"SYSTEM": {"$ref": "xtuner.utils.SYSTEM_TEMPLATE.alpaca"}},
            ["SYSTEM = SYSTEM_TEMPLATE.alpaca", "from xtuner.utils import SYSTEM_TEMPLATE"],
        ),
        (
            {"model.llm.torch_dtype": {"$ref": "torch.bfloat16"}},
            ["torch_dtype=bfloat16,", "from torch import bfloat16"],
        ),
        ({"optim_wrapper": {"type": "mmengine.optim.OptimWrapper"}}, []),
        ({"cfg_of_mine": {"a": [1, "b"]}}, ['cfg_of_mine = dict(a=[1, "b"])']),
    ],
)
def test_an_option_edits_the_config(
    options: dict[str, Any], lines: list[str], version: str
) -> None:
    text = edited(options, version=version)
    assert [line for line in lines if line not in text] == []


def test_a_mapping_with_a_type_replaces_and_one_without_goes_into_it() -> None:
    replaced = edited({"model.lora": {"type": "peft.LoraConfig", "r": 2}})
    assert "lora=dict(type=LoraConfig, r=2)," in replaced
    kept = edited({"model.lora": {"r": 2}})
    assert {"r=2,", "lora_alpha=16,"} <= set(kept)


def test_the_order_of_the_keys_does_not_matter() -> None:
    options = {
        "custom_hooks.0": {"$delete": True},
        "custom_hooks.1": {"$delete": True},
        "model.lora.r": 3,
        "model.lora": {"type": "peft.LoraConfig", "r": 2, "use_dora": True},
        "custom_hooks.+": {"type": "xtuner.engine.hooks.ThroughputHook"},
    }
    text = edited(options)
    assert text == edited(dict(reversed(options.items())))
    assert "lora=dict(type=LoraConfig, r=3, use_dora=True)," in text
    assert "custom_hooks = [" in text
    assert not any("EvaluateChatHook" in line for line in text if line.startswith("type="))


@pytest.mark.parametrize("key", ["a-b", "1a", "class", "", "a b", "import os"])
def test_a_key_that_python_cannot_name(key: str) -> None:
    assert "cannot be a variable of a Python config" in refused({key: 1})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"custom_hooks.7.system": 1}, "there is no custom_hooks.7"),
        ({"visualizer.name": 1}, "visualizer is None"),
        ({"os.system('x')": 1}, "the config has no os"),
        ({"modle.lora.r": 1}, "the config has no modle"),
        ({"model.lroa": {"$delete": True}}, "model has no lroa"),
        ({"load_from": {"$ref": "data_pth"}}, "uses data_pth"),
        ({"load_from": {"$ref": "print(1)"}}, "cannot be a variable"),
        ({"SYSTEM": {"$delete": True}}, "the config uses SYSTEM"),
        ({"model": 1, "model.lora.r": 2}, "model is 1, which has no keys"),
        ({"SYSTEM": {"$ref": "tokenizer", "a": 1}}, "$ref stands alone"),
        ({"model.lora": {"$delete": False}}, "$delete stands alone, and is true"),
        ({"model.lora": {"$delete": True, "r": 1}}, "$delete stands alone, and is true"),
        ({"x": {"type": "xtuner.a b"}}, "is no dotted path of a Python object"),
    ],
)
def test_an_edit_that_cannot_be_made_is_told(options: dict[str, Any], words: str) -> None:
    assert words in refused(options)


FOREIGN = [
    {"custom_hooks.+": {"type": "subprocess.check_call", "popenargs": ["id"]}},
    {"visualizer": {"type": "os.system", "command": "id"}},
    {"visualizer": {"type": "a.B", "inner": [{"type": "subprocess.check_call"}]}},
    {"model.llm.deep": {"er": {"type": "builtins.eval"}}},
    {"train_dataset.dataset_map_fn": "os.path.join"},
    {"train_dataset": {"template_map_fn": "subprocess.run"}},
    {"optim_wrapper.constructor": "my.Constructor"},
    {"load_from": {"$ref": "subprocess.run"}},
    {"custom_imports": {"imports": ["mine"]}},
    {"custom_imports.imports": ["xtuner", "antigravity"]},
    {"x": {"type": "xtuner_evil.Hook"}},
    {"x": {"type": "torch.hub.load"}},
]


@pytest.mark.parametrize("options", FOREIGN)
def test_code_from_elsewhere_needs_a_word_of_trust(options: dict[str, Any]) -> None:
    assert "outside the engine's own libraries" in refused(options)


def test_a_word_of_trust_is_for_that_code_alone() -> None:
    options = {"custom_hooks.+": {"type": "my_hooks.Hook"}}
    assert "dict(type=Hook)," in edited(options, "trust_code=[my_hooks]")
    assert "dict(type=Hook)," in edited(options, "trust_code=[my_hooks.Hook]")
    assert "outside" in refused(options, "trust_code=[my_hook, my_hooks.Other]")
    modules = {"custom_imports": {"imports": ["my_hooks.more"]}}
    assert 'custom_imports = dict(imports=["my_hooks.more"])' in edited(
        modules, "trust_code=[my_hooks]"
    )


def test_the_fault_stands_at_its_place(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "extends: medqa-qlora\nengine_options:\n"
        "  custom_hooks.+: {type: subprocess.check_call}\n  custom_hooks.9.system: x\n"
    )
    with pytest.raises(UsageError) as caught:
        load(str(file), environ={})
    lines = str(caught.value).splitlines()
    assert any("mine.yaml:3:" in line and "subprocess.check_call" in line for line in lines)
    assert any("mine.yaml:4:" in line and "there is no custom_hooks.9" in line for line in lines)


keys = st.sampled_from(["lr", "model", "model.llm.x", "tokenizer.a", "fresh", "custom_hooks.0.b"])
texts = st.text(max_size=30) | st.just(HOSTILE)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)
BASE = config_of("medqa-qlora", version="0.2.0")


@given(st.dictionaries(keys, plain, max_size=3))
def test_no_text_of_an_option_becomes_code(options: dict[str, Any]) -> None:
    """Whatever the values are, the config has the statements and calls that it had."""
    made = Options(BASE, ())
    made.apply(options)
    names = {n.id for n in ast.walk(ast.parse(BASE)) if isinstance(n, ast.Name)} | {"fresh"}
    after = {n.id for n in ast.walk(ast.parse(made.text)) if isinstance(n, ast.Name)}
    assert after <= names


def test_the_libraries_are_the_engines_own() -> None:
    assert {one.partition(".")[0] for one in LIBRARIES} == {
        *("xtuner", "mmengine", "torch", "transformers", "peft", "bitsandbytes", "datasets")
    }


def test_the_example_of_the_manual_is_accepted() -> None:
    page = (REPOSITORY / "docs" / "xtuner.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(engine_options:.*?)```", page, re.DOTALL)
    tree = parse(example, "docs/xtuner.md", [])
    assert tree is not None
    text = edited(tree.plain()["engine_options"])
    assert {"SYSTEM = SYSTEM_TEMPLATE.alpaca", "tokenizer=tokenizer,", "load_from = None"} <= set(
        text
    )
