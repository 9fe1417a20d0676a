"""From a finished run to the engine's own chat command, with the template of the training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator import engines
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.paths import runs_dir
from orchestrator.base.plan import Command
from orchestrator.base.process import run_attached
from orchestrator.engines import Context
from orchestrator.envs.release import Release
from orchestrator.planning.job import safe_folder_name
from orchestrator.planning.script import shell_line
from orchestrator.recipe.load import load
from orchestrator.recipe.schema import Recipe
from orchestrator.running import record as records
from orchestrator.running.execution import environment_of


@dataclass(frozen=True)
class Talk:
    """A chat about to start: the command, where it runs, and what it talks to."""

    command: Command
    root: Path
    release: Release
    rehearsal: bool

    @property
    def line(self) -> str:
        return shell_line(self.command)


def prepare(run: str, options: Mapping[str, Any]) -> Talk:
    """The chat with what ``run`` made.

    Raises :class:`UsageError` for a run that is not there, :class:`RecipeError` for one that made
    neither a merged model nor an adapter yet.
    """
    made, given = _made(run, options)
    given["system"] = _system(made.recipe, options)
    command = engines.get(made.release.engine).chat(made.recipe, made.context, given)
    return Talk(command, made.root, made.release, made.context.rehearsal)


def prepare_server(run: str, options: Mapping[str, Any]) -> Talk:
    """The server of what ``run`` made; the errors of :func:`prepare`."""
    made, given = _made(run, options)
    command = engines.get(made.release.engine).serve(made.recipe, made.context, given)
    return Talk(command, made.root, made.release, made.context.rehearsal)


def api_key(variable: str) -> str:
    """The key in that environment variable; empty when it is not set.

    Raises :class:`UsageError` for text that is no variable's name, a key for example.
    """
    if not variable.isidentifier():
        raise UsageError(
            "--api-key-env takes the name of an environment variable, not a key.",
            why="a key on the command line can be read by everybody on this machine",
            fix="export API_KEY=… and leave --api-key-env out",
        )
    return os.environ.get(variable, "")


@dataclass(frozen=True)
class _Made:
    """A finished run: its recipe, and where its parts are."""

    root: Path
    recipe: Recipe
    release: Release
    context: Context


def _made(run: str, options: Mapping[str, Any]) -> tuple[_Made, dict[str, Any]]:
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
    return _Made(root, recipe, release, context), given


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


def hold(talk: Talk, secrets: Mapping[str, str] | None = None) -> int:
    """Run the chat or the server on this terminal; its exit code.

    ``secrets`` are variables of the process alone: they are in no command, record or log.
    """
    from orchestrator.envs.install import ensure

    environment = ensure(talk.release)
    env = environment_of(environment, talk.command, offline=talk.rehearsal, base=os.environ)
    env.update(secrets or {})
    argv = [str(word) for word in talk.command.argv]
    program = str(environment.which(argv[0]))
    return run_attached([program, *argv[1:]], env=env, cwd=talk.root)
