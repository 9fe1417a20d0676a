"""Edits of a Python config's text: the place changes, and nothing else does."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.rendering.pyedit import CannotEdit, assign, delete, get, imported, undefined
from orchestrator.rendering.pysource import Name

CONFIG = """# 请看: a comment, [with] "brackets"
from mmengine.hooks import LoggerHook

lr = 2e-4  # 学习率
words = ["请给我", "please"]
nothing = None
empty = dict()
nested = dict(
    # about the first
    first=dict(a=1, b="},"),  # after it
    second=[1, 2, 3],
    third={"x": 1, "y y": 2}
)
hooks = [
    dict(type=LoggerHook, every=lr),
    dict(type=LoggerHook, words=words),
]
alias = nested
"""


def run(text: str) -> dict[str, Any]:
    scope: dict[str, Any] = {"LoggerHook": "LoggerHook"}
    exec(text.replace("from mmengine.hooks import LoggerHook", ""), scope)
    return {key: value for key, value in scope.items() if not key.startswith("__")}


def changed(text: str, edit: Callable[[dict[str, Any]], object]) -> None:
    """``text`` means what the first config means once ``edit`` was done to its values."""
    wanted = run(CONFIG)
    edit(wanted)
    assert run(text) == wanted


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("lr", 'lr = "new"  # 学习率'),
        ("words.1", 'words = ["请给我", "new"]'),
        ("nothing", 'nothing = "new"'),
        ("nested.first.b", '    first=dict(a=1, b="new"),  # after it'),
        ("nested.first.c", '    first=dict(a=1, b="},", c="new"),  # after it'),
        ("nested.second.0", '    second=["new", 2, 3],'),
        ("nested.third.y y", '    third={"x": 1, "y y": "new"}'),
        ("nested.third.z", '    third={"x": 1, "y y": 2, "z": "new"}'),
        ("nested.fourth", '    fourth="new",'),
        ("hooks.1.every", '    dict(type=LoggerHook, words=words, every="new"),'),
        ("hooks.0.every", '    dict(type=LoggerHook, every="new"),'),
        ("hooks.1.words.0", 'words = ["new", "please"]'),
        ("hooks.+", '    "new",'),
        ("words.+", 'words = ["请给我", "please", "new"]'),
        ("empty.a", 'empty = dict(a="new")'),
        ("alias.fourth", '    fourth="new",'),
        ("fresh", 'fresh = "new"'),
    ],
)
def test_a_value_is_set_where_it_stands(path: str, line: str) -> None:
    text = assign(CONFIG, tuple(path.split(".")), "new")
    assert line in text.splitlines()
    gone = set(CONFIG.splitlines()) - set(text.splitlines())
    assert len(gone) <= 1, "an edit touched other lines"
    run(text)


@pytest.mark.parametrize(
    ("path", "edit"),
    [
        ("lr", lambda scope: scope.pop("lr")),
        ("alias", lambda scope: scope.pop("alias")),
        ("nested.first", lambda scope: scope["nested"].pop("first")),
        ("nested.first.a", lambda scope: scope["nested"]["first"].pop("a")),
        ("nested.first.b", lambda scope: scope["nested"]["first"].pop("b")),
        ("nested.second.0", lambda scope: scope["nested"]["second"].pop(0)),
        ("nested.second.2", lambda scope: scope["nested"]["second"].pop(2)),
        ("nested.third", lambda scope: scope["nested"].pop("third")),
        ("nested.third.x", lambda scope: scope["nested"]["third"].pop("x")),
        ("nested.third.y y", lambda scope: scope["nested"]["third"].pop("y y")),
        ("hooks.0", lambda scope: scope["hooks"].pop(0)),
        ("hooks.1", lambda scope: scope["hooks"].pop(1)),
    ],
)
def test_a_place_is_deleted(path: str, edit: Callable[[dict[str, Any]], object]) -> None:
    text = delete(CONFIG, tuple(path.split(".")))
    if path == "lr":  # hooks.0 uses it, so only the text is looked at
        assert undefined(text) == {"lr": 14}
    else:
        changed(text, edit)


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("nothing.a", "nothing is None, which has no keys"),
        ("lr.a", "lr is 0.0002, which has no keys"),
        ("hooks.2.every", "there is no hooks.2"),
        ("hooks.2", "hooks has 2 items, counted from 0"),
        ("hook.0", "the config has no hook"),
        ("nested.+", "nested is no list"),
        ("nested.first.a b", "cannot be a key of dict"),
    ],
)
def test_a_place_that_is_not_there(path: str, what: str) -> None:
    with pytest.raises(CannotEdit, match=what):
        assign(CONFIG, tuple(path.split(".")), 1)


@pytest.mark.parametrize("path", ["fresh", "nested.fourth", "hooks.2", "hooks.0.b"])
def test_what_is_not_there_cannot_be_deleted(path: str) -> None:
    with pytest.raises(CannotEdit, match="has no"):
        delete(CONFIG, tuple(path.split(".")))


def test_what_could_have_been_meant_is_told() -> None:
    with pytest.raises(CannotEdit) as caught:
        delete(CONFIG, ("nested", "frist"))
    assert caught.value.known == ("first", "second", "third")


def test_a_name_is_followed() -> None:
    value = get(CONFIG, ("alias", "first", "a"))
    assert value is not None
    assert ast.unparse(value) == "1"
    assert get(CONFIG, ("alias", "first", "z")) is None


def test_an_import_is_made_once_and_never_hides_another() -> None:
    text, called = imported(CONFIG, "mmengine.hooks", "LoggerHook")
    assert (text, called) == (CONFIG, "LoggerHook")
    text, called = imported(CONFIG, "mine", "LoggerHook")
    assert called == "mine_LoggerHook"
    assert text.splitlines()[2] == "from mine import LoggerHook as mine_LoggerHook"
    text, called = imported(CONFIG, "mine", "lr")
    assert called == "mine_lr"
    assert imported("a = 1\n", "b", "c") == ("from b import c\na = 1\n", "c")


texts = st.text(max_size=30)
atoms = st.none() | st.booleans() | st.integers() | texts
values = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
PLACES = """
    lr words.0 words.+ nothing empty.k nested.first.b nested.third.x nested.second nested.new
    hooks.1.words.1 hooks.+ fresh
"""
places = st.sampled_from(PLACES.split())


@given(st.lists(st.tuples(places, values), max_size=4))
def test_any_edits_give_what_the_same_edits_of_the_values_give(
    edits: list[tuple[str, Any]],
) -> None:
    text, scope = CONFIG, run(CONFIG)
    for place, value in edits:
        path = place.split(".")
        try:
            text = assign(text, tuple(path), value)
        except CannotEdit:  # an edit before it put something else there
            continue
        if len(path) == 1:
            scope = run(text)
            assert scope[path[0]] == value
            continue
        target = scope[path[0]]
        for part in path[1:-1]:
            target = target[int(part) if isinstance(target, list) else part]
        if path[-1] == "+":
            target.append(value)
        else:
            target[int(path[-1]) if isinstance(target, list) else path[-1]] = value
        assert run(text)[path[0]] == scope[path[0]]


def test_a_reference_is_printed_bare() -> None:
    assert "nothing = lr" in assign(CONFIG, ("nothing",), Name("lr")).splitlines()
