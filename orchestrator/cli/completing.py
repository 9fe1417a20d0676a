"""What an argument or an option takes, and what the shell offers for it.

Nothing is imported before the shell asks, and then only what the answer needs: names come from the
files' headers, without the schema; only stages and releases need the engines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.language import say

if TYPE_CHECKING:
    _TextType = click.ParamType[str]
else:  # click before 8.2 has no type argument here
    _TextType = click.ParamType


def _typed(ctx: click.Context, argument: str) -> str:
    """The argument that stands before; UsageError when none does.

    click leaves it among the words when the option that is being typed has no value yet.
    """
    word = ctx.params.get(argument) or next(iter(ctx.args), None)
    if word is None:
        raise UsageError(say(f"There is no {argument} yet.", f"还没有给出 {argument}。"))
    return str(word)


class _Known(_TextType, ABC):
    """Text of which some values are known: the shell offers those that begin like it."""

    otherwise: str | None = None
    """What the shell offers when none does: ``file`` or ``dir``."""

    @abstractmethod
    def known(self, ctx: click.Context) -> Iterable[tuple[str, str | None]]:
        """Words, each with a line about it; a RecipeError when nothing can be known yet."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            words = list(self.known(ctx))
        except RecipeError:
            words = []
        found = [CompletionItem(word, help=about) for word, about in words]
        found = [item for item in found if item.value.startswith(incomplete)]
        if not found and self.otherwise:
            return [CompletionItem(incomplete, type=self.otherwise)]
        return found


class RecipeName(_Known):
    """A recipe by name or by path; names complete in the shell, with their titles."""

    name = "recipe"
    otherwise = "file"

    def known(self, ctx: click.Context) -> Iterable[tuple[str, str | None]]:
        from orchestrator.base.text import one_line
        from orchestrator.recipe.listing import listing

        return [(recipe.name, one_line(recipe.title)) for recipe in listing()]


class RecipeKey(_Known):
    """KEY=VALUE with a dotted key of the recipe; keys complete in the shell."""

    name = "key=value"

    def known(self, ctx: click.Context) -> Iterable[tuple[str, str | None]]:
        from orchestrator.recipe.keys import all_keys

        return [(f"{key}=", None) for key in all_keys()]


class RecipeParam(_Known):
    """NAME=VALUE with a short name of the recipe that was typed before."""

    name = "name=value"

    def known(self, ctx: click.Context) -> Iterable[tuple[str, str | None]]:
        from orchestrator.base.text import one_line
        from orchestrator.recipe.find import find
        from orchestrator.recipe.listing import read_tree
        from orchestrator.recipe.params import read_params

        table = read_params(read_tree(find(_typed(ctx, "recipe"))))
        return [(f"{known.name}=", one_line(known.about or known.key)) for known in table.values()]


class ReleaseName(_Known):
    """An engine release, NAME@VERSION."""

    name = "release"

    def known(self, ctx: click.Context) -> Iterable[tuple[str, str | None]]:
        from orchestrator.engines.registry import all_releases

        return [(release.name, None) for release in all_releases()]


class StageName(_Known):
    """A stage of the recipe that was typed before, on the engine that was."""

    name = "stage"

    def known(self, ctx: click.Context) -> Iterable[tuple[str, str | None]]:
        from orchestrator.engines import registry
        from orchestrator.planning.feasible import load
        from orchestrator.planning.job import FIRST_STAGES

        typed = _typed(ctx, "recipe")
        recipe = load(typed, engine=ctx.params.get("engine"), complete=False).recipe
        own = registry.get(recipe.engine_name).stages(recipe)
        return [(stage, None) for stage in (*FIRST_STAGES, *own)]


class RunName(_Known):
    """A run by folder, RECIPE/STAMP, or a recipe's name; the runs there are complete."""

    name = "run"
    otherwise = "dir"

    def known(self, ctx: click.Context) -> Iterable[tuple[str, str | None]]:
        from orchestrator.base.paths import runs_dir

        folder = runs_dir()
        runs = [path.parent.relative_to(folder) for path in folder.glob("*/*/run.json")]
        names = dict.fromkeys([*(run.parts[0] for run in runs), *map(str, runs)])
        return [(name, None) for name in names]


class LogName(_Known):
    """A stage of the run that was typed before, whose log is there."""

    name = "stage"

    def known(self, ctx: click.Context) -> Iterable[tuple[str, str | None]]:
        from orchestrator.base.layout import RunPaths
        from orchestrator.base.paths import runs_dir
        from orchestrator.running.directories import find_run

        logs = RunPaths(find_run(_typed(ctx, "run"), runs_dir())).logs
        return [(log.stem, None) for log in sorted(logs.glob("*.log"))]
