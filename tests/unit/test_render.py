"""The Jinja environment: strict, and what a recipe says reaches a template only as data."""

from __future__ import annotations

import ast
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from orchestrator.rendering.templates import as_comment, environment


def filled(template: str, **values: object) -> str:
    return environment().from_string(template).render(**values)


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="nothing_of_that_name"):
        filled("{{ nothing_of_that_name }}")


@given(st.text())
def test_text_comes_through_each_filter_as_data(text: str) -> None:
    assert ast.literal_eval(filled("{{ value | py }}", value=text)) == text
    if "\0" not in text:
        assert shlex.split(filled("echo {{ value | sh }}", value=text)) == ["echo", text]


@given(st.text())
def test_a_comment_is_one_line_for_python_and_for_a_shell(text: str) -> None:
    line = as_comment(text)
    assert len(f"# {line}.".splitlines()) == 1
    assert ast.parse(f"# {line}".replace("\0", "")).body == []


def test_what_a_value_holds_is_not_rendered_again() -> None:
    assert filled("{{ value }}", value="{{ 7 * 7 }}") == "{{ 7 * 7 }}"


def python(template: str, **values: object) -> str:
    return environment(python=True).from_string(template).render(**values)


@given(st.text())
def test_a_hole_of_a_python_template_is_python_source(text: str) -> None:
    assert ast.literal_eval(python("{{ value }}", value=text)) == text
    assert ast.literal_eval(python("{{ 'a' ~ value }}", value=text)) == "a" + text
    assert ast.literal_eval(python("{% set x = value %}{{ [x, 1] }}", value=text)) == [text, 1]


@given(st.text())
def test_only_a_name_is_printed_bare(text: str) -> None:
    if all(part.isascii() and part.isidentifier() for part in text.split(".")):
        return
    with pytest.raises(ValueError, match="is no name of Python"):
        python("{{ value | name }}", value=text)
    with pytest.raises(ValueError, match="is no name of Python"):
        python("{{ values | names }}", values=["fine", text])


def test_names_after_import_are_wrapped_where_they_are_long() -> None:
    assert python("{{ ['a', 'b.c'] | names }}") == "a, b.c"
    long = ["first_name_of_all", "second_name_of_all", "third_name_of_all"]
    lines = python("from x import {{ names | names }}", names=long).splitlines()
    assert lines == ["from x import (", *(f"    {name}," for name in long), ")"]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "7"), (0, "0"), (3.0, "3"), (0.5, "0.5"), (False, "False")]
)
def test_null_is_what_the_template_says(value: object, text: str) -> None:
    assert python("{{ value | otherwise(7) }}", value=value) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ value.__init__.__globals__ }}",
        "{{ values.append(1) }}",
        "{% for n in range(10 ** 8) %}{% endfor %}",
    ],
)
def test_a_template_stays_in_its_sandbox(template: str) -> None:
    for kind in (True, False):
        with pytest.raises((SecurityError, UndefinedError, OverflowError)):
            environment(python=kind).from_string(template).render(value=as_comment, values=[])
