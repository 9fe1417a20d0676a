"""The text of a rendered XTuner config: golden files, engine_options, and what is refused."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.base.errors import UsageError
from orchestrator.base.secrets import is_secret_name
from orchestrator.recipe.listing import listing
from tests.support.xtuner_cases import CASES, HOSTILE, config_of

VERSIONS = ("0.2.0", "0.1.9")
SHIPPED = sorted(one.name for one in listing() if one.engine.startswith("xtuner@"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_render_as_they_did(name: str, golden: Callable[[str, str], None]) -> None:
    version = "0.1.9" if name.endswith("0.1.9") else "0.2.0"
    golden(f"{name}.config.py.txt", config_of(name, version=version))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CASES)
def test_every_case_is_python_and_renders_to_the_same_bytes(name: str, version: str) -> None:
    text = config_of("medqa-qlora", *CASES[name][0], version=version)
    ast.parse(text)
    assert text == config_of("medqa-qlora", *CASES[name][0], version=version)
    assert text.endswith("\n")
    assert not any(line != line.rstrip() for line in text.splitlines())


def test_every_imported_name_is_used_and_every_used_name_is_imported() -> None:
    for version in VERSIONS:
        for sets, _ in CASES.values():
            tree = ast.parse(config_of("medqa-qlora", *sets, version=version))
            imported = {
                alias.asname or alias.name
                for node in ast.walk(tree)
                if isinstance(node, (ast.Import, ast.ImportFrom))
                for alias in node.names
            }
            names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
            used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
            assigned = {node.id for node in names if isinstance(node.ctx, ast.Store)}
            assert used - assigned - {"dict", "int"} == imported


def assignments(text: str) -> dict[str, ast.expr]:
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign):
            found[ast.unparse(node.targets[0])] = node.value
    return found


#: What a YAML file can hold: no lone surrogates, no C1 controls.
letters = st.characters(exclude_categories=["Cs", "Cn", "Cc"], include_characters="\n\r\t\0")
texts = st.text(letters, max_size=40)


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


@given(texts, texts)
def test_no_text_of_a_recipe_becomes_code(title: str, system: str) -> None:
    assume(title not in ("$ref", "$delete"))  # a key of these words is the syntax itself
    assume(not is_secret_name(title))  # a key that names a secret is refused
    sets = (
        f"title={as_json('x' + title)}",
        f"evaluate.prompts={as_json([title])}",
        f"engine_options={as_json({'mine': [system, {title: system}]})}",
    )
    text = config_of("medqa-qlora", *sets, version="0.2.0")
    plain = assignments(config_of("medqa-qlora", version="0.2.0"))
    found = assignments(text)
    assert set(found) == {*plain, "mine"}
    assert ast.literal_eval(found["evaluation_inputs"]) == [title]
    changed = {key for key in plain if ast.dump(found[key]) != ast.dump(plain[key])}
    assert changed <= {"evaluation_inputs"}


@pytest.mark.parametrize(
    "key", ["model.template", "data.sources.0.map_fn", "train.optimizer", "train.scheduler"]
)
def test_a_name_that_would_be_printed_bare_must_be_one(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        config_of("oasst1-qlora", f"{key}={HOSTILE}", version="0.2.0")
    assert key in str(caught.value)


#: (--set, release, words of the refusal)
REFUSED = [
    ("train.stage=dpo", "0.2.0", "train.stage: dpo"),
    ("train.stage=kto", "0.1.9", "train.stage: kto"),
    ("train.stage=rm", "0.2.0", "train.stage: rm"),
    ("train.method=freeze", "0.2.0", "train.method: XTuner cannot freeze"),
    ("train.liger=true", "0.2.0", "train.liger"),
    ("train.neftune_alpha=5", "0.2.0", "train.neftune_alpha"),
    ("train.optimizer=Lion", "0.2.0", "(AdamW, Adam"),
    ("train.scheduler=wsd", "0.2.0", "(cosine, linear or constant)"),
    ("evaluate.validation_share=0.1", "0.2.0", "evaluate.validation_share"),
    ("train.lora.rslora=true", "0.1.9", "train.lora.rslora: is newer than this release's peft"),
    ("train.gradient_checkpointing=false", "0.1.9", "always checkpoints"),
]


@pytest.mark.parametrize(("setting", "version", "words"), REFUSED)
def test_what_xtuner_has_no_equivalent_for_is_refused(
    setting: str, version: str, words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        config_of("medqa-qlora", setting, version=version)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


def test_all_refusals_come_at_once() -> None:
    sets = ("train.liger=true", "train.optimizer=Lion", "train.scheduler=wsd")
    with pytest.raises(UsageError) as caught:
        config_of("medqa-qlora", *sets, version="0.2.0")
    assert all(key in str(caught.value) for key in ("train.liger", "Lion", "wsd"))


def test_a_hub_data_set_is_loaded_by_name() -> None:
    text = config_of("oasst1-qlora", version="0.2.0")
    assert "dataset=dict(type=load_dataset, path=data_path)" in text
    assert 'data_path = "timdettmers/openassistant-guanaco"' in text
    assert "dataset_map_fn=oasst1_map_fn" in text
    assert "from xtuner.dataset.map_fns import oasst1_map_fn, template_map_fn_factory" in text
