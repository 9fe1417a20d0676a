"""The YAML dialect: what scalars mean, where things stand, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.recipe import yaml_tree
from orchestrator.recipe.faults import Fault
from orchestrator.recipe.yaml_tree import MAX_NODES, Node, parse


def read(text: str) -> tuple[Node | None, list[Fault]]:
    faults: list[Fault] = []
    return parse(text, "r.yaml", faults), faults


def value(text: str) -> Any:
    node, faults = read(text)
    assert node is not None
    assert faults == []
    return node.plain()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1e-4", 1e-4),
        ("2.0e-4", 2e-4),
        ("1.", 1.0),
        (".5", 0.5),
        ("+3", 3),
        ("0o17", 15),
        ("0x1f", 31),
        ("007", 7),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-31", "2024-01-31"),
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("'null'", "null"),
        ('"7"', "7"),
        ("=", "="),
        ("-.inf", -math.inf),
        (".Inf", math.inf),
        ("v1.0.3", "v1.0.3"),
        ("1.0.3", "1.0.3"),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(text: str, meant: object) -> None:
    got = value(f"key: {text}")["key"]
    assert got == meant
    assert type(got) is type(meant)


def test_nan_is_a_number() -> None:
    assert math.isnan(value("key: .nan")["key"])


def test_every_value_knows_its_line_and_column() -> None:
    node, _ = read("a: 1\nb:\n  - x\n  - {c: 2}\n")
    assert node is not None
    inner = node.value["b"].value[1].value["c"]
    assert inner.at[1:] == (4, 9)
    assert inner.key_at[1:] == (4, 6)
    assert inner.text == "2"


def test_an_alias_repeats_a_value_and_stands_where_it_is_written() -> None:
    node, faults = read("a: &x {k: 1}\nb: *x\n")
    assert node is not None
    assert faults == []
    assert node.plain() == {"a": {"k": 1}, "b": {"k": 1}}
    assert node.value["b"].at.line == 2


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("a: 1\na: 2\n", 2, "twice (the first one stands in line 1)"),
        ("<<: {a: 1}\n", 1, "merge keys are not part of YAML 1.2"),
        ("a: !!python/name:os.system\n", 1, "the tag !!python/name:os.system is not allowed"),
        ("a: !!str 7\n", 1, "the tag !!str is not allowed"),
        ("a: !mine 7\n", 1, "the tag !mine is not allowed"),
        ("a: 1\n---\nb: 2\n", 2, "a second document begins here"),
        ("? [a]\n: 1\n", 1, "a key must be a word"),
        ("a: *x\n", 1, "`*x` refers to an `&x` that is not finished above it"),
        ("a: &x [*x]\n", 1, "not finished above it"),
        ("a: b: c\n", 1, "in quotes, or this line is indented by mistake"),
        ("a: 1\n\tb: 2\n", 2, "indent with spaces, not tabs"),
        ('a: "open\n', 2, "never closed"),
        ("a: [1, 2\nb: 3\n", 2, "a comma or a closing bracket is missing"),
        ("a: 1\n b: 2\n", 2, "in quotes, or this line is indented by mistake"),
        ("a:\n  b: 1\n c: 2\n", 3, "indented differently"),
        ("a: @x\n", 1, "cannot begin a value"),
        ("a: \x07\n", 1, "a control character stands here"),
    ],
)
@pytest.mark.parametrize("parser", [yaml.SafeLoader, yaml_tree._Parser])
def test_what_is_wrong_is_told_in_plain_words_at_its_line(
    parser: object, text: str, line: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_tree, "_Parser", parser)
    _, faults = read(text)
    assert [fault.at.line for fault in faults] == [line]
    assert told in str(faults[0])


def test_faults_that_leave_a_tree_come_with_the_tree() -> None:
    node, faults = read("a: 1\na: 2\nb: !x 3\n")
    assert node is not None
    assert len(faults) == 2


def test_aliases_cannot_blow_up() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    node, faults = read("\n".join(lines))
    assert node is None
    assert f"more than {MAX_NODES} values" in str(faults[0])


def test_nesting_is_bounded() -> None:
    node, faults = read("a: " + "[" * 200 + "]" * 200)
    assert node is None
    assert "nested more than" in str(faults[0])


@given(st.text())
def test_any_text_gives_a_tree_or_a_fault(text: str) -> None:
    node, faults = read(text.encode("utf-8", "replace").decode())
    assert node is not None or faults
