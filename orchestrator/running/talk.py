"""From a finished run to the engine's own chat command, with the template of the training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.base import layout
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.language import say
from orchestrator.base.paths import runs_dir
from orchestrator.base.plan import Command
from orchestrator.base.process import run_attached
from orchestrator.base.program import command_line
from orchestrator.engines import registry
from orchestrator.engines.job import Job
from orchestrator.engines.protocol import Chats, Engine, Serves, ServesPage
from orchestrator.envs import inventory
from orchestrator.envs.release import Release
from orchestrator.hub.folder import own_code
from orchestrator.planning.script import shell_line
from orchestrator.recipe.load import load
from orchestrator.recipe.schema import Recipe
from orchestrator.running import directories
from orchestrator.running import record as records
from orchestrator.running.execution import environment_of
from orchestrator.running.record import RunRecord
from orchestrator.running.request import Request


@dataclass(frozen=True)
class Talk:
    """A chat about to start: the command, where it runs, and what it talks to."""

    command: Command
    root: Path
    release: Release
    rehearsal: bool
    own_code: bool = False
    """Whether the model that answers brings code of its own."""
    warnings: tuple[str, ...] = ()
    """Why what answers is not what the run would make now, in words."""
    python: Path | None = None
    """The Python of the user's own that the run used."""
    page: str | None = None
    """What the server's page for a browser is called; None: it is an API."""

    @property
    def line(self) -> str:
        return shell_line(self.command)


def prepare(run: str, options: Mapping[str, Any]) -> Talk:
    """The chat with what ``run`` made.

    Raises :class:`UsageError` for a run that is not there, :class:`RecipeError` for one that made
    neither a merged model nor an adapter yet.
    """
    root = directories.find_run(run, runs_dir())
    engine = _engine(root)
    if not isinstance(engine, Chats):
        raise UsageError(
            say(f"{engine.name} has no chat of its own.", f"{engine.name} 没有自带的对话程序。"),
            fix=say(
                f"load what it made with another program: {root}",
                f"请用其他程序加载它的产物：{root}",
            ),
        )
    made = _made(root, options)
    options = {**made.options, "system": system_of(made.job.recipe, options)}
    return made.talk(engine.chat(made.job, options))


def prepare_server(run: str, options: Mapping[str, Any]) -> Talk:
    """The server of what ``run`` made; the errors of :func:`prepare`."""
    root = directories.find_run(run, runs_dir())
    engine = _engine(root)
    if not isinstance(engine, Serves):
        line = command_line(["chat", str(root)])
        chat = say(f"talk to it: {line}", f"和它对话：{line}")
        raise UsageError(
            say(f"{engine.name} has no server of its own.", f"{engine.name} 没有自带的服务程序。"),
            why=say(
                f"another program can serve what it made: {root}",
                f"可以用其他程序提供它的产物：{root}",
            ),
            fix=chat if isinstance(engine, Chats) else None,
        )
    made = _made(root, options)
    page = engine.page if isinstance(engine, ServesPage) else None
    return replace(made.talk(engine.serve(made.job, made.options)), page=page)


def api_key(variable: str) -> str:
    """The key in that environment variable; empty when it is not set.

    Raises :class:`UsageError` for text that is no variable's name, a key for example.
    """
    if not variable.isidentifier():
        raise UsageError(
            say(
                "--api-key-env takes the name of an environment variable, not a key.",
                "--api-key-env 要的是环境变量的名称，而不是密钥。",
            ),
            why=say(
                "a key on the command line can be read by everybody on this machine",
                "命令行中的密钥会被这台机器上的所有人看到",
            ),
            fix=say(
                "export API_KEY=… and leave --api-key-env out",
                "请执行 export API_KEY=…，并去掉 --api-key-env",
            ),
        )
    return os.environ.get(variable, "")


@dataclass(frozen=True)
class _Made:
    """A run to talk to: its job, and the options with the weights that are to be loaded."""

    root: Path
    record: RunRecord
    job: Job
    options: dict[str, Any]

    def talk(self, command: Command) -> Talk:
        own = Path(self.record.python) if self.record.python else None
        again = _again(self.root, self.record)
        warnings = tuple(
            say(f"{name} is out of date: {why}", f"{name} 已过期：{why}") + f"; {again}"
            for name, why in records.stale(self.record, self.root).items()
        )
        release, rehearsal = self.job.release, self.job.rehearsal
        ready = inventory.find(release, python=own)
        places = {name: str(path) for name, path in ready.checkouts.items()} if ready else {}
        command = command.with_defaults({**places, **self.job.recipe.env})  # the line can be pasted
        return Talk(
            command,
            self.root,
            release,
            rehearsal,
            own_code=bool(own_code(self.root / str(self.options["model"]))),
            warnings=warnings,
            python=own,
        )


def _again(root: Path, record: RunRecord) -> str:
    """The command that goes on with the run."""
    if not record.request:  # a record of schema 1
        mode = ["--rehearse"] if record.rehearsal else []
        return command_line(["run", record.recipe, *mode, "--run", str(root)])
    return Request.of(record.request, run=str(root)).line()


def _engine(root: Path) -> Engine:
    """The engine of the run in ``root``."""
    return registry.get(registry.release(records.read(root).engine).engine)


def job_of(root: Path, record: RunRecord) -> Job:
    """The job of what the run in ``root`` made, from the recipe that it keeps."""
    return Job(
        name=record.recipe,
        recipe=load(str(root / layout.LOCK), environ={}).recipe,
        release=registry.release(record.engine),
        sources=(),
        standin=(record.standin or "native") if record.rehearsal else None,
    )


def _made(root: Path, options: Mapping[str, Any]) -> _Made:
    record = records.read(root)
    if not (root / layout.LOCK).is_file():
        raise nothing_yet(root, record)
    job = job_of(root, record)
    weights = _weights(root, job, use_adapter=bool(options.get("use_adapter")))
    if weights is None:
        raise nothing_yet(root, record)
    return _Made(root, record, job, {**options, **weights})


def nothing_yet(root: Path, record: RunRecord) -> RecipeError:
    done = ", ".join(stage.name for stage in record.stages if stage.state == "done")
    again = _again(root, record)
    return RecipeError(
        say("This run has nothing to talk to yet.", "这次运行还没有可以对话的模型。"),
        where=str(root),
        why=say(
            f"there is no trained model in it; stages that are done: {done or 'none'}",
            f"其中没有训练好的模型；已完成的阶段：{done or '无'}",
        ),
        fix=say(f"finish it first: {again}", f"请先完成它：{again}"),
    )


def system_of(recipe: Recipe, options: Mapping[str, Any]) -> str | None:
    """What the user gives, else the system text of the training rows, else of the evaluation."""
    if options.get("no_system") or options.get("system_template"):
        if options.get("system"):
            raise UsageError(
                say(
                    "Give one of --system, --no-system and --system-template.",
                    "--system、--no-system 和 --system-template 只能给出一个。",
                )
            )
        return None
    if options.get("system") is not None:
        return str(options["system"])
    texts = [source.system for source in recipe.data.sources if source.system]
    return texts[0] if texts else recipe.evaluate.system


def _weights(root: Path, job: Job, *, use_adapter: bool) -> dict[str, str] | None:
    """Which weights answer: the merged model, else the adapter over its base, else a whole model
    in the work folder; None when there are none."""
    adapter = (root / layout.ADAPTER / "adapter_config.json").is_file()
    if adapter and use_adapter:
        return {"model": job.model, "adapter": f"./{layout.ADAPTER}"}
    if (root / layout.MERGED / "config.json").is_file():
        return {"model": f"./{layout.MERGED}"}
    if adapter:
        return {"model": job.model, "adapter": f"./{layout.ADAPTER}"}
    whole = (root / layout.WORK / "config.json").is_file()
    return {"model": f"./{layout.WORK}"} if whole else None


def run_on_terminal(talk: Talk, secrets: Mapping[str, str] | None = None) -> int:
    """Run the chat or the server on this terminal; its exit code.

    ``secrets`` are variables of the process alone: they are in no command, record or log.
    """
    from orchestrator.envs.install import ensure

    environment = ensure(talk.release, python=talk.python)
    env = environment_of(environment, talk.command, offline=talk.rehearsal, base=os.environ)
    env.update(secrets or {})
    argv = [str(word) for word in talk.command.argv]
    program = str(environment.which(argv[0]))
    return run_attached([program, *argv[1:]], env=env, cwd=talk.root)
