"""The commands and keys in the documents are those that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import data_tools
from data_tools.cli import data
from data_tools.formats import FORMATS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ["data-tools.md", "data-tools_zh-CN.md"]
COMMANDS = [
    (page, line)
    for page in PAGES
    for line in re.findall(r"recipe (data [^`\n|]+)", (DOCS / page).read_text(encoding="utf-8"))
    if "…" not in line.split("--")[0]
]


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_every_command_in_the_documents_parses(page: str, line: str) -> None:
    name, *arguments = shlex.split(line)[1:]
    command = data.commands[name]
    context = command.make_context(name, list(arguments), resilient_parsing=False)
    assert context.params


def test_there_are_commands_in_the_documents() -> None:
    assert len(COMMANDS) > 25
    assert {line.split()[1] for _, line in COMMANDS} >= {"convert", "split", "clean", "roleplay"}


def test_every_public_function_and_format_is_documented() -> None:
    page = (DOCS / "data-tools.md").read_text(encoding="utf-8")
    for name in data_tools.__all__:
        if name not in ("DataError", "Reject", "Row"):
            assert f"`{name}`" in page or f" {name}," in page, name
    formats = (DOCS / "file-formats.md").read_text(encoding="utf-8")
    assert all(f"**{name}**" in formats for name in FORMATS)
