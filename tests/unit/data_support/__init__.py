"""Rows and files for the tests of data_tools; all of it written here, none of it copied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from data_tools.rows import Row, Source

# Examples write files; how long that takes is the disk's business, not a property of the code.
settings.register_profile("data", deadline=None)
settings.load_profile("data")

TEXT = st.text(
    st.one_of(
        st.sampled_from("你好，我是🐳😀\"'\\{}[]=+-@<>&,;\t\n\r _x000D_\u00a0é"),
        st.characters(exclude_categories=("Cs",), exclude_characters="\x00"),
    ),
    max_size=30,
)
FILLED = TEXT.filter(lambda text: bool(text.strip()))


def conversation(*turns: tuple[str, str], system: str | None = None) -> dict[str, Any]:
    """A row in XTuner's format."""
    found: list[dict[str, Any]] = [{"input": asked, "output": answer} for asked, answer in turns]
    if system is not None:
        found[0] = {"system": system, **found[0]}
    return {"conversation": found}


def row(
    *turns: tuple[str, str], system: str | None = None, file: str = "a.json", at: int = 1
) -> Row:
    """A Row as `read` gives it."""
    messages = [{"role": "system", "content": system}] if system is not None else []
    for asked, answer in turns:
        messages.append({"role": "user", "content": asked})
        messages.append({"role": "assistant", "content": answer})
    return Row(messages=messages, source=Source(file, format="conversation"), at=at)


@st.composite
def plain_rows(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXT) -> Row:
    """Rows of one or more whole turns, with or without a system text."""
    system = draw(st.none() | texts)
    answers = texts.filter(lambda text: bool(text.strip()))  # an empty answer is no row
    turns = draw(st.lists(st.tuples(texts, answers), min_size=1, max_size=4))
    return row(*turns, system=system)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def tool_rows(draw: st.DrawFn) -> Row:
    """Rows in which the assistant calls tools, thinking aloud before each call."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": draw(FILLED)}]
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "assistant", "content": draw(FILLED)})
        arguments = draw(st.dictionaries(FILLED, JSON, max_size=3))
        messages.append({"role": "call", "name": draw(FILLED), "arguments": arguments})
        messages.append({"role": "observation", "content": draw(TEXT)})
    messages.append({"role": "assistant", "content": draw(FILLED)})
    tools = [{"name": draw(FILLED), "description": draw(TEXT)}]
    return Row(messages=messages, tools=tools, source=Source("t.json", format="chatglm3"), at=1)


def put_json(path: Path, value: Any, **options: Any) -> Path:
    """One JSON value in a file."""
    path.write_text(json.dumps(value, ensure_ascii=False, **options), encoding="utf-8")
    return path


def put_lines(path: Path, values: list[Any]) -> Path:
    """JSON lines."""
    lines = [json.dumps(value, ensure_ascii=False) for value in values]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def lines_of(path: Path) -> list[Any]:
    """The values of a JSON lines file, with the standard library."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
