"""`recipe doctor` and `recipe check`: what would stop a run, before a byte is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.base.errors import EXIT_FAILED
from orchestrator.base.language import say
from orchestrator.cli.completing import RecipeName, ReleaseName
from orchestrator.cli.options import json_option, param_option, set_option
from orchestrator.cli.output import echo, echo_json

if TYPE_CHECKING:
    from orchestrator.preflight.rule import Verdict

_COLOURS = {"error": "red", "warning": "yellow"}
_python = click.option(
    "--python",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A Python of your own that holds the engine.",
)
_every = click.option("-v", "--all", "every", is_flag=True, help="Name the rules that are content.")


@click.command()
@click.argument("recipe", type=RecipeName())
@set_option
@param_option
@click.option("--engine", type=ReleaseName(), metavar="NAME@VERSION", help="Use this release.")
@click.option("--rehearse", is_flag=True, help="Look at it as a rehearsal.")
@_python
@click.option(
    "--rows", is_flag=True, help="Let the engine look at the rows too, with the real tokenizer."
)
@_every
@json_option
def check(recipe: str, rows: bool, every: bool, as_json: bool, **given: Any) -> None:
    """Look for everything that would stop a run of RECIPE here; download nothing.

    Errors stop a run (exit code 1 here), warnings do not. A rule that is wrong for you is silenced
    in the recipe, by its id and with a reason: preflight: {ignore: {disk-space: "…"}}.
    """
    from orchestrator.preflight.checking import of_recipe

    verdicts = of_recipe(recipe, **given)
    if rows:
        verdicts += _of_rows(recipe, **given)
    _tell(click.get_current_context(), verdicts, every, as_json)


def _of_rows(recipe: str, *, rehearse: bool, **given: Any) -> list[Verdict]:
    """What the engine says of the rows; no weights are fetched for it."""
    from orchestrator.base.errors import RecipeError
    from orchestrator.running.rows import of_rows, unexamined

    try:
        return of_rows(recipe, **given)
    except RecipeError as error:
        return [unexamined(error)]


@click.command()
@click.argument("release", required=False, type=ReleaseName())
@click.option("--quick", is_flag=True, help="Do not import the engines' tools.")
@_python
@_every
@json_option
@click.pass_context
def doctor(
    ctx: click.Context,
    release: str | None,
    quick: bool,
    python: Path | None,
    every: bool,
    as_json: bool,
) -> None:
    """Look at this machine: GPUs, driver, variables, and the engines that are installed.

    Engines' tools are really imported, which takes up to a minute each; `recipe env doctor` looks
    at one release alone.
    """
    from orchestrator.cli.env import examined
    from orchestrator.engines.registry import all_releases
    from orchestrator.envs.inventory import find
    from orchestrator.preflight.checking import of_machine

    known = [one.name for one in all_releases() if one.name == release or find(one)]
    chosen = release or (known[0] if known else None)
    verdicts = of_machine(chosen, python)
    imported = {} if quick else examined([release] if release else known, python)
    if as_json:
        engines = {name: list(map(vars, found)) for name, found in imported.items()}
        echo_json({"rules": [one.as_json() for one in verdicts], "engines": engines})
    else:
        _print(verdicts, every)
        _print_engines(imported)
    broken = any(one.level == "broken" for found in imported.values() for one in found)
    if broken or any(one.level == "error" for one in verdicts):
        ctx.exit(EXIT_FAILED)


def _print_engines(imported: dict[str, Any]) -> None:
    from orchestrator.cli.env import print_findings

    for name, found in imported.items():
        echo(name, bold=True)
        print_findings(found)


def _tell(ctx: click.Context, verdicts: list[Verdict], every: bool, as_json: bool) -> None:
    if as_json:
        echo_json([one.as_json() for one in verdicts])
    else:
        _print(verdicts, every)
    if any(one.level == "error" for one in verdicts):
        ctx.exit(EXIT_FAILED)


_LEVELS = {
    "error": ("error  ", "错误"),
    "warning": ("warning", "警告"),
    "note": ("note   ", "提示"),
    "ignored": ("ignored", "已忽略"),
    "ok": ("ok     ", "通过"),
}


def _print(verdicts: list[Verdict], every: bool) -> None:
    for one in verdicts:
        if one.level != "ok" or every:
            text = one.cause or say(*one.rule.looks)
            mark = click.style(say(*_LEVELS[one.level]), fg=_COLOURS.get(one.level))
            echo_line(mark, f"{one.rule.id}: {text}")
            _more(one)
    content = sum(one.level == "ok" for one in verdicts)
    echo(
        say(
            f"{content} of {len({one.rule.id for one in verdicts})} rules have nothing to say",
            f"{len({one.rule.id for one in verdicts})} 条规则中有 {content} 条没有异议",
        )
        + ("" if every else " (-v)")
    )


def echo_line(mark: str, text: str) -> None:
    """A coloured word, then text that is printed and never obeyed."""
    click.echo(f"{mark}  ", nl=False)
    echo(text)


def _more(one: Verdict) -> None:
    if one.ignored is not None:
        echo(f"         {say('ignored', '已忽略')}: {one.ignored}")
    elif one.fix and one.level != "ok":
        echo(f"         {say('next step', '下一步')}: {one.fix}")
