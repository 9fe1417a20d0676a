"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from orchestrator.cli.completing import RecipeKey, RecipeParam

Decorator = Callable[[Any], Any]


def together(*decorators: Decorator) -> Decorator:
    """Several arguments and options as one decorator; the last stands first on the help page."""

    def decorate(command: Any) -> Any:
        for decorator in decorators:
            command = decorator(command)
        return command

    return decorate


set_option = click.option(
    "--set",
    "sets",
    multiple=True,
    type=RecipeKey(),
    metavar="KEY=VALUE",
    help="Set a value of the recipe, e.g. --set train.epochs=1. May be repeated.",
)
param_option = click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    type=RecipeParam(),
    metavar="NAME=VALUE",
    help="Set a value by the short name that the recipe gives it. May be repeated.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")
