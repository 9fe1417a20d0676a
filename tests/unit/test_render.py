"""The Jinja environment: strict, and what a recipe says reaches a template only as data."""

from __future__ import annotations

import ast
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

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
