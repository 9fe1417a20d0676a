"""From a finished run to the engine's own chat command, with the template of the training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator import engines
from orchestrator import record as records
from orchestrator.engines import Context
from orchestrator.errors import RecipeError, UsageError
from orchestrator.execution import environment_of
from orchestrator.job import safe_folder_name
from orchestrator.paths import runs_dir
from orchestrator.plan import Command
from orchestrator.process import run_attached
from orchestrator.recipe.load import load
from orchestrator.recipe.schema import Recipe
from orchestrator.script import shell_line


@dataclass(frozen=True)
class Talk:
    """A chat about to start: the command, where it runs, and what it talks to."""

    command: Command
    root: Path
    release: engines.Release
    rehearsal: bool

    @property
    def line(self) -> str:
        return shell_line(self.command)


def prepare(run: str, options: Mapping[str, Any]) -> Talk:
    """The chat with what ``run`` made.

    Raises :class:`UsageError` for a run that is not there, :class:`RecipeError` for one that made
    neither a merged model nor an adapter yet.
    """
    root = records.find_run(run, runs_dir())
    record = records.read(root)
    recipe = load(str(root / "recipe.lock.yaml"), environ={}).recipe
    release = engines.release(record.engine)
    model = "standin" if record.rehearsal else safe_folder_name(recipe.model.id)
    context = Context(
        release=release,
        recipe_name=record.recipe,
        model=f"./{model}",
        rehearsal=record.rehearsal,
    )
    given = {**options, **_weights(root, context, use_adapter=bool(options.get("use_adapter")))}
    given["system"] = _system(recipe, options)
    command = engines.get(release.engine).chat(recipe, context, given)
    return Talk(command, root, release, record.rehearsal)


def _system(recipe: Recipe, options: Mapping[str, Any]) -> str | None:
    """What the user gives, else the system text of the training rows, else of the evaluation."""
    if options.get("no_system") or options.get("system_template"):
        if options.get("system"):
            raise UsageError("Give one of --system, --no-system and --system-template.")
        return None
    if options.get("system") is not None:
        return str(options["system"])
    texts = [source.system for source in recipe.data.sources if source.system]
    return texts[0] if texts else recipe.evaluate.system


def _weights(root: Path, context: Context, *, use_adapter: bool) -> dict[str, str]:
    merged = (root / context.merged / "config.json").is_file()
    adapter = (root / context.adapter / "adapter_config.json").is_file()
    if merged and not use_adapter:
        return {"model": f"./{context.merged}"}
    if adapter:
        return {"model": context.model, "adapter": f"./{context.adapter}"}
    raise RecipeError(
        "This run has nothing to talk to yet.",
        where=str(root),
        why="there is neither a merged model nor an adapter",
        fix=f"finish it first: recipe run {context.recipe_name}",
    )


def hold(talk: Talk) -> int:
    """Run the chat on this terminal; its exit code."""
    from orchestrator.envs.install import ensure

    environment = ensure(talk.release)
    env = environment_of(environment, talk.command, offline=talk.rehearsal, base=os.environ)
    argv = [str(word) for word in talk.command.argv]
    program = str(environment.which(argv[0]))
    return run_attached([program, *argv[1:]], env=env, cwd=talk.root)
