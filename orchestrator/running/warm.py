"""A run's warm worker: its engine imported once, for the commands of all its stages.

For a rehearsal, whose commands are 45 seconds of imports and 3 of work. A real run's commands
start afresh: CUDA does not survive a fork, and beside an hour of training the imports are nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from orchestrator.base.language import say
from orchestrator.base.layout import RunPaths
from orchestrator.base.plan import Command
from orchestrator.base.process import Running, start_afresh
from orchestrator.base.warm import Worker
from orchestrator.engines.job import Job
from orchestrator.envs.environment import Environment
from orchestrator.probes import WARM_WORKER


def _several_processes(env: Mapping[str, str]) -> bool:
    """Whether a variable of the user's makes one command several processes."""
    counts = any(env.get(key, "1") not in ("", "0", "1") for key in ("NPROC_PER_NODE", "NNODES"))
    return counts or env.get("FORCE_TORCHRUN", "").lower() in ("1", "true", "y")


class Warm:
    """The worker of one run, started with the first command that can use it."""

    def __init__(self, job: Job, paths: RunPaths, note: Callable[[str], object]) -> None:
        self._modules = job.release.preload if job.rehearsal else ()
        self._paths = paths
        self._note = note
        self._of_engine: Command | None = None
        self._worker: Worker | None = None

    def learn(self, commands: Sequence[Command]) -> None:
        """Commands of the run, in order: the worker has the variables of the engine's first."""
        own = next((each for each in commands if each.by_hand), None)
        self._of_engine = self._of_engine or own

    def variables(self, command: Command) -> Command:
        """The command as it is run: a check of this tool's own takes the engine's variables too."""
        if not self._modules or self._of_engine is None or command.by_hand:
            return command
        return command.with_env(self._of_engine.env).with_defaults(self._of_engine.defaults)

    def starter(self, environment: Environment) -> Callable[..., Running]:
        """How the run's next command is started in ``environment``."""

        def start(argv: Sequence[str], /, *, env: Mapping[str, str], cwd: Path) -> Running:
            if not self._modules or _several_processes(env):
                return start_afresh(argv, env=env, cwd=cwd)
            try:
                worker = self._worker or self._started(environment, env)
                command = worker.start(argv, env=env, cwd=cwd)
            except OSError as error:
                self._modules = ()
                self._note(
                    say(
                        f"no warm worker: {error}; every command imports the engine again",
                        f"没有常驻进程：{error}；每条命令都会重新导入引擎",
                    )
                )
                return start_afresh(argv, env=env, cwd=cwd)
            if command.cold is not None:
                self._note(
                    say(
                        f"started afresh, not by the warm worker: {command.cold}",
                        f"由新进程执行，未用常驻进程：{command.cold}",
                    )
                )
            return command

        return start

    def _started(self, environment: Environment, env: Mapping[str, str]) -> Worker:
        self._paths.logs.mkdir(exist_ok=True)
        self._worker = Worker(
            [str(environment.python), str(WARM_WORKER)],
            self._modules,
            env={key: value for key, value in env.items() if key != "PYTHONPATH"},
            log=self._paths.log("worker"),
        )
        return self._worker

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
