"""Arguments and options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    _TextType = click.ParamType[str]
else:  # click before 8.2 has no type argument here
    _TextType = click.ParamType

_Command = TypeVar("_Command", bound=Callable[..., Any])


class RecipeName(_TextType):
    """A recipe by name or by path; names complete in the shell, with their titles."""

    name = "recipe"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from orchestrator.recipe.listing import listing

        found = [
            CompletionItem(one.name, help=one.title)
            for one in listing()
            if one.name.startswith(incomplete)
        ]
        return found or [CompletionItem(incomplete, type="file")]


class RecipeKey(_TextType):
    """KEY=VALUE with a dotted key of the recipe; keys complete in the shell."""

    name = "key=value"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from orchestrator.recipe.keys import all_keys

        return [CompletionItem(f"{one}=") for one in all_keys() if one.startswith(incomplete)]


def set_option(command: _Command) -> _Command:
    """``--set KEY=VALUE``, as ``sets``: a tuple of text."""
    return click.option(
        "--set",
        "sets",
        multiple=True,
        type=RecipeKey(),
        metavar="KEY=VALUE",
        help="Set a value of the recipe, e.g. --set train.epochs=1. May be repeated.",
    )(command)


def param_option(command: _Command) -> _Command:
    """``-p NAME=VALUE``, as ``params``: a tuple of text."""
    return click.option(
        "-p",
        "--param",
        "params",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a value by the short name that the recipe gives it. May be repeated.",
    )(command)


def json_option(command: _Command) -> _Command:
    """``--json``, as ``as_json``: one JSON document on standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")(
        command
    )


class RunName(_TextType):
    """A run by folder, RECIPE/STAMP, or a recipe's name; the runs there are complete."""

    name = "run"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from orchestrator.base.paths import runs_dir

        folder = runs_dir()
        names = [path.parent.relative_to(folder) for path in folder.glob("*/*/run.json")]
        found = dict.fromkeys([*(n.parts[0] for n in names), *(str(n) for n in names)])
        items = [CompletionItem(name) for name in found if name.startswith(incomplete)]
        return items or [CompletionItem(incomplete, type="dir")]
