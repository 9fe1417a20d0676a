"""A resolved recipe written as YAML is the same recipe when it is read again."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.secrets import is_secret_name
from orchestrator.recipe.check import check
from orchestrator.recipe.dump import dump, dump_mapping, one_line
from orchestrator.recipe.faults import Fault
from orchestrator.recipe.find import recipe_files
from orchestrator.recipe.load import load
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.yaml_tree import parse

#: What UTF-8 holds; a lone surrogate has no place in a file.
texts = st.text(st.characters(exclude_categories=["Cs"]))
hard_texts = st.sampled_from(
    ["", " ", "null", "~", "no", "Yes", "1e5", "007", "0x1F", "-", "- a", "a: b", "a #b", "#", "*a",
     "&a", "!t", "|", ">", "'", '"', "{", "}", "[", "]", ",", "a\nb", "a\n", "\ta", "\u2028",
     "\x85", "\ufeff", "\x00", "\x7f", "\U0001f600", "{{ x }}", "{% x %}", "\\", "a ", "---", "=",
     "<<", "...", "2001-01-01", "1:30", "1_0", "中文：好", ".inf", "?", "? a", "%", "@", "`"]
)  # fmt: skip
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    texts,
    hard_texts,
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts | hard_texts, inner, max_size=4)
    ),
    max_leaves=12,
)


def read(text: str) -> Any:
    faults: list[Fault] = []
    node = parse(text, "lock", faults)
    assert faults == []
    assert node is not None
    return node.plain()


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down: True is not 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@given(st.dictionaries(texts | hard_texts, values, min_size=1, max_size=5))
def test_any_plain_mapping_survives(mapping: dict[str, Any]) -> None:
    assert same(read(dump_mapping(mapping)), mapping)


@given(values)
def test_any_value_survives_in_one_line(value: Any) -> None:
    line = one_line(value)
    assert "\n" not in line
    assert same(read(f"key: {line}"), {"key": value})


@given(st.dictionaries(texts | hard_texts, values, min_size=1, max_size=3))
def test_a_yaml_1_1_reader_takes_it_the_same_way(mapping: dict[str, Any]) -> None:
    assert same(yaml.safe_load(dump_mapping(mapping)), mapping)


def _without_secrets(value: Any) -> bool:
    """Whether no key is called as a secret is: a recipe refuses those."""
    if isinstance(value, list):
        return all(map(_without_secrets, value))
    inner = value if isinstance(value, dict) else {}
    return all(not is_secret_name(key) and _without_secrets(v) for key, v in inner.items())


def _recipe_with(title: str, prompts: list[str], options: dict[str, Any], name: str) -> Recipe:
    return Recipe.model_validate(
        {
            "title": title,
            "engine": "xtuner@0.2.0",
            "model": {"id": "m", "template": "t"},
            "data": {"sources": [{"self_cognition": {"name": name}}, {"path": title}]},
            "evaluate": {"prompts": prompts},
            "engine_options": options,
        }
    )


@given(
    title=(texts | hard_texts).filter(bool),
    prompts=st.lists(texts | hard_texts, max_size=3),
    options=st.dictionaries(texts | hard_texts, values, max_size=3).filter(_without_secrets),
    name=(texts | hard_texts).filter(str.strip),
)
def test_any_recipe_survives(
    title: str, prompts: list[str], options: dict[str, Any], name: str
) -> None:
    recipe = _recipe_with(title, prompts, options, name)
    faults: list[Fault] = []
    text = dump(recipe)
    node = parse(text, "lock", faults)
    assert node is not None
    again = check(node, faults)
    assert faults == []
    assert again == recipe
    assert dump(again) == text


@pytest.mark.parametrize("name", recipe_files())
def test_a_shipped_recipe_survives(name: str, tmp_path: Any) -> None:
    recipe = load(name, environ={}, complete=False).recipe
    lock = tmp_path / "recipe.lock.yaml"
    lock.write_text(dump(recipe), encoding="utf-8")
    assert load(str(lock), environ={}).recipe == recipe


def test_every_value_is_there_and_chinese_is_readable() -> None:
    text = dump(load("self-cognition-qlora", environ={}, complete=False).recipe)
    assert "name: 张三\n" in text
    assert "    - 请介绍一下你自己\n" in text
    assert "  deepspeed: null\n" in text


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (2e-05, "2.0e-05"),
        (0.0002, "0.0002"),
        (1e16, "1.0e+16"),
        (3, "3"),
        (math.inf, ".inf"),
        ("no", '"no"'),
        ("a: b", '"a: b"'),
        ("a, b", "a, b"),
        (["a, b", "c"], '["a, b", c]'),
        ({"k": None, "x y": [1, True]}, '{k: null, x y: [1, true]}'),
        ("中文", "中文"),
        ("a\nb", '"a\\nb"'),
    ],
)  # fmt: skip
def test_how_values_look(value: object, line: str) -> None:
    assert one_line(value) == line
