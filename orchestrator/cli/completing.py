"""What an argument or an option takes, and what the shell offers for it.

Nothing is imported before the shell asks, and then only what the answer needs: names come from the
files' headers, without the schema; only stages and releases need the engines.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from orchestrator.base.errors import RecipeError, UsageError

if TYPE_CHECKING:
    _TextType = click.ParamType[str]
else:  # click before 8.2 has no type argument here
    _TextType = click.ParamType


def _starting(incomplete: str, words: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _typed(ctx: click.Context, argument: str) -> str:
    """The argument that stands before; UsageError when none does.

    click leaves it among the words when the option that is being typed has no value yet.
    """
    said = ctx.params.get(argument) or next(iter(ctx.args), None)
    if said is None:
        raise UsageError(f"There is no {argument} yet.")
    return str(said)


class RecipeName(_TextType):
    """A recipe by name or by path; names complete in the shell, with their titles."""

    name = "recipe"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from orchestrator.base.text import one_line
        from orchestrator.recipe.listing import listing

        found = [
            CompletionItem(recipe.name, help=one_line(recipe.title))
            for recipe in listing()
            if recipe.name.startswith(incomplete)
        ]
        return found or [CompletionItem(incomplete, type="file")]


class RecipeKey(_TextType):
    """KEY=VALUE with a dotted key of the recipe; keys complete in the shell."""

    name = "key=value"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from orchestrator.recipe.keys import all_keys

        return _starting(incomplete, [f"{key}=" for key in all_keys()])


class RecipeParam(_TextType):
    """NAME=VALUE with a short name of the recipe that was typed before."""

    name = "name=value"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from orchestrator.base.text import one_line
        from orchestrator.recipe.find import find
        from orchestrator.recipe.listing import read_tree
        from orchestrator.recipe.params import read_params

        try:
            table = read_params(read_tree(find(_typed(ctx, "recipe"))))
        except RecipeError:  # nothing was typed yet, or no recipe
            return []
        return [
            CompletionItem(f"{known.name}=", help=one_line(known.about or known.key))
            for known in table.values()
            if f"{known.name}=".startswith(incomplete)
        ]


class ReleaseName(_TextType):
    """An engine release, NAME@VERSION."""

    name = "release"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from orchestrator.engines.registry import all_releases

        return _starting(incomplete, [release.name for release in all_releases()])


class StageName(_TextType):
    """A stage of the recipe that was typed before, on the engine that was."""

    name = "stage"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from orchestrator.engines import registry
        from orchestrator.planning.feasible import load
        from orchestrator.planning.job import FIRST_STAGES

        try:
            typed = _typed(ctx, "recipe")
            recipe = load(typed, engine=ctx.params.get("engine"), complete=False).recipe
        except RecipeError:
            return []
        own = registry.get(recipe.engine_name).stages(recipe)
        return _starting(incomplete, [*FIRST_STAGES, *own])


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
        return _starting(incomplete, found) or [CompletionItem(incomplete, type="dir")]


class LogName(_TextType):
    """A stage of the run that was typed before, whose log is there."""

    name = "stage"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from orchestrator.base.layout import RunPaths
        from orchestrator.base.paths import runs_dir
        from orchestrator.running.directories import find_run

        try:
            root = find_run(_typed(ctx, "run"), runs_dir())
        except RecipeError:
            return []
        return _starting(incomplete, sorted(log.stem for log in RunPaths(root).logs.glob("*.log")))
