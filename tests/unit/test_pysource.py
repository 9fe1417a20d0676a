"""Python source from values: every value comes back, and no text becomes code."""

from __future__ import annotations

import ast
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.rendering.pysource import Name, is_identifier, to_source

atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=60)
)
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=20), inner, max_size=4)
    ),
    max_leaves=12,
)
HOSTILE = [
    "'); import os; os.system('x') #",
    '"""\n{{ 7*7 }}{% raw %}',
    "line\nbreak\r\u2028\u2029\x00\\",
    "'''{braces}%s",
    "退出'\"",
]


def evaluated(source: str) -> Any:
    """The value of literal source, where ``dict(a=1)`` is a literal too."""

    class AsLiteral(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            assert isinstance(node.func, ast.Name)
            assert (node.func.id, node.args) == ("dict", [])
            keys: list[ast.expr | None] = [ast.Constant(word.arg) for word in node.keywords]
            inner = [self.visit(word.value) for word in node.keywords]
            return ast.fix_missing_locations(ast.Dict(keys, inner))

    return ast.literal_eval(AsLiteral().visit(ast.parse(source, mode="eval")))


@given(values, st.integers(0, 80))
def test_every_value_comes_back(value: Any, column: int) -> None:
    source = to_source(value, column=column)
    assert evaluated(source) == value
    assert type(evaluated(source)) is type(value)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    for value in (text, [text], {"key": text}, {text: 1}):
        assert evaluated(to_source(value)) == value


def test_long_containers_are_wrapped_one_item_a_line() -> None:
    value = {"type": Name("LoraConfig"), "words": ["a" * 40, "b" * 40], "r": 64}
    assert to_source(value) == (
        "dict(\n    type=LoraConfig,\n    words=[\n"
        f'        "{"a" * 40}",\n        "{"b" * 40}",\n    ],\n    r=64,\n)'
    )
    assert to_source({"r": 64}) == "dict(r=64)"
    assert to_source({}) == "dict()"
    assert to_source((1,)) == "(1,)"


@given(values)
def test_no_line_is_longer_than_its_longest_atom_needs(value: Any) -> None:
    longest = max((len(repr(one)) for one in _atoms_in(value)), default=0)
    lines = to_source(value).splitlines()
    assert max(map(len, lines), default=0) <= max(88, 200 + 2 * longest)
    if len(to_source(value)) <= 88:
        assert len(lines) == 1


def _atoms_in(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *(a for one in value.values() for a in _atoms_in(one))]
    if isinstance(value, (list, tuple)):
        return [atom for one in value for atom in _atoms_in(one)]
    return [value]


def test_a_name_is_printed_bare() -> None:
    assert to_source([Name("torch.float16"), "torch.float16"]) == '[torch.float16, "torch.float16"]'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_python_cannot_write(value: float) -> None:
    with pytest.raises(ValueError, match="cannot be written as a Python number"):
        to_source({"lr": [value]})


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", 1j])
def test_what_is_no_plain_value(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be written as Python source"):
        to_source([value])


@pytest.mark.parametrize(
    ("value", "source"),
    [
        (2e-4, "2e-4"),
        (0.00015, "1.5e-4"),
        (1e-05, "1e-5"),
        (-5e-07, "-5e-7"),
        (0.001, "0.001"),
        (0.03, "0.03"),
        (0.0, "0.0"),
        (3.0, "3.0"),
        (1e22, "1e22"),
        ("plain", '"plain"'),
        ("it's", '"it\'s"'),
        ('say "so"', "'say \"so\"'"),
        ("退出", '"退出"'),
    ],
)
def test_numbers_and_texts_are_written_as_people_write_them(value: object, source: str) -> None:
    assert to_source(value) == source


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_same_number(value: float) -> None:
    assert repr(ast.literal_eval(to_source(value))) == repr(value)


@pytest.mark.parametrize(("text", "good"), [("a_1", True), ("class", False), ("a-b", False)])
def test_identifiers(text: str, good: bool) -> None:
    assert is_identifier(text) is good
