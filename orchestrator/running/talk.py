"""From a finished run to the engine's own chat command, with the template of the training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.base import layout
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.paths import runs_dir
from orchestrator.base.plan import Command
from orchestrator.base.process import run_attached
from orchestrator.engines import registry
from orchestrator.engines.job import Job
from orchestrator.engines.protocol import Chats, Serves
from orchestrator.envs.release import Release
from orchestrator.planning.script import shell_line
from orchestrator.recipe.load import load
from orchestrator.recipe.schema import Recipe
from orchestrator.running import directories
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
    root, job, given = _made(run, options)
    given["system"] = _system(job.recipe, options)
    engine = registry.engine_of(job)
    if not isinstance(engine, Chats):
        raise UsageError(f"{job.release.engine} has no chat of its own.")
    return Talk(engine.chat(job, given), root, job.release, job.rehearsal)


def prepare_server(run: str, options: Mapping[str, Any]) -> Talk:
    """The server of what ``run`` made; the errors of :func:`prepare`."""
    root, job, given = _made(run, options)
    engine = registry.engine_of(job)
    if not isinstance(engine, Serves):
        raise UsageError(
            f"{job.release.engine} has no server of its own.",
            fix="serve the run's merged folder with another program, or talk to it: recipe chat",
        )
    return Talk(engine.serve(job, given), root, job.release, job.rehearsal)


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


def _made(run: str, options: Mapping[str, Any]) -> tuple[Path, Job, dict[str, Any]]:
    """The run's directory, its job, and the options with the weights that are to be loaded."""
    root = directories.find_run(run, runs_dir())
    record = records.read(root)
    job = Job(
        name=record.recipe,
        recipe=load(str(root / layout.LOCK), environ={}).recipe,
        release=registry.release(record.engine),
        sources=(),
        rehearsal=record.rehearsal,
    )
    return (
        root,
        job,
        {**options, **_weights(root, job, use_adapter=bool(options.get("use_adapter")))},
    )


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


def _weights(root: Path, job: Job, *, use_adapter: bool) -> dict[str, str]:
    merged = (root / layout.MERGED / "config.json").is_file()
    adapter = (root / layout.ADAPTER / "adapter_config.json").is_file()
    if merged and not use_adapter:
        return {"model": f"./{layout.MERGED}"}
    if adapter:
        return {"model": job.model, "adapter": f"./{layout.ADAPTER}"}
    raise RecipeError(
        "This run has nothing to talk to yet.",
        where=str(root),
        why="there is neither a merged model nor an adapter",
        fix=f"finish it first: recipe run {job.name}",
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
