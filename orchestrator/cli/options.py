"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from orchestrator.cli.completing import RecipeKey, RecipeParam

_Command = TypeVar("_Command", bound=Callable[..., Any])


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
        type=RecipeParam(),
        metavar="NAME=VALUE",
        help="Set a value by the short name that the recipe gives it. May be repeated.",
    )(command)


def json_option(command: _Command) -> _Command:
    """``--json``, as ``as_json``: one JSON document on standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")(
        command
    )
