"""The help pages in Chinese: every verb and every option has a text, and none is left over."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from orchestrator.base.language import is_chinese
from orchestrator.cli import VERBS, cli
from orchestrator.cli.chinese import OPTIONS
from orchestrator.cli.chinese import VERBS as PAGES
from orchestrator.cli.help_pages import wrapped
from orchestrator.cli.table import width

#: `recipe data` is a command line of its own, which speaks English.
ENGLISH = {"data"}
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def _walk(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, click.Context]]:
    words = " ".join(ctx.command_path.split()[1:])
    if words in ENGLISH:
        return
    yield words, ctx
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            yield from _walk(inner, click.Context(inner, parent=ctx, info_name=name))


EVERY = dict(_walk(cli, click.Context(cli, info_name="recipe", **cli.context_settings)))


def _options(verb: str) -> list[click.Option]:
    """The options of a page, with click's own `--help`."""
    ctx = EVERY[verb]
    return [param for param in ctx.command.get_params(ctx) if isinstance(param, click.Option)]


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RECIPE_LANG", "zh")
    is_chinese.cache_clear()
    yield
    monkeypatch.undo()
    is_chinese.cache_clear()


def test_every_verb_has_a_chinese_page_and_none_is_left_over() -> None:
    assert len(EVERY) > 25
    assert set(PAGES) == set(EVERY)
    assert all(_CHINESE.search(text) for text in PAGES.values())
    assert all(_CHINESE.search(chinese) for *_, chinese in VERBS.values())


def test_every_option_has_an_english_and_a_chinese_text_and_none_is_left_over() -> None:
    options = {(verb, *option.opts): option.help for verb in EVERY for option in _options(verb)}
    assert [words for words, text in options.items() if not text] == []
    assert [text for text in options.values() if text not in OPTIONS] == []
    assert set(OPTIONS) <= set(options.values())
    assert all(_CHINESE.search(text) for text in OPTIONS.values())


@pytest.mark.parametrize("verb", EVERY)
@pytest.mark.usefixtures("chinese")
def test_a_chinese_page_shows_its_texts_and_fits_the_terminal(verb: str) -> None:
    answer = CliRunner().invoke(cli, [*verb.split(), "--help"], terminal_width=76)
    assert answer.exit_code == 0
    assert answer.output.startswith("用法：")
    run_on = "".join(answer.output.split())
    for text in [PAGES[verb], *(OPTIONS[str(option.help)] for option in _options(verb))]:
        assert "".join(text.replace("\b", "").split()) in run_on
    assert max(map(width, answer.output.splitlines())) <= 76
    for option in _options(verb):  # no English text is left
        assert "".join(str(option.help).split()) not in run_on


@pytest.mark.parametrize("verb", EVERY)
def test_an_english_page_has_no_chinese(verb: str) -> None:
    answer = CliRunner().invoke(cli, [*verb.split(), "--help"], env={"RECIPE_LANG": "en"})
    assert answer.exit_code == 0
    assert not _CHINESE.search(answer.output)


@pytest.mark.usefixtures("chinese")
def test_what_click_adds_to_an_option_is_chinese_too() -> None:
    assert "默认：127.0.0.1" in CliRunner().invoke(cli, ["serve", "-h"]).output
    assert "必填" in CliRunner().invoke(cli, ["new", "-h"]).output


def test_an_english_help_page_reads_no_chinese_texts() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from orchestrator.cli import cli;"
        "CliRunner().invoke(cli, ['--help']);"
        "print([m for m in sys.modules if m.startswith('orchestrator.cli.')])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={"RECIPE_LANG": "en"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "['orchestrator.cli.groups', 'orchestrator.cli.output']"


def test_a_line_breaks_between_characters_and_never_before_punctuation() -> None:
    text = "一二三四五，六七 --verify=own 八九。"
    lines = wrapped(text, 10)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(width(line) <= 10 or " " not in line for line in lines)
    assert not any(line.startswith(("，", "。")) for line in lines)
