"""One engine command in its environment: run it, keep its words, and judge how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.errors import RecipeError
from orchestrator.base.hardware import out_of_memory_kills
from orchestrator.base.plan import Argument, Command
from orchestrator.base.process import Echo, Start, quoted, run_logged
from orchestrator.base.secrets import redacted
from orchestrator.engines.protocol import Engine
from orchestrator.envs.environment import Environment
from orchestrator.running import leftover
from orchestrator.verifying import own_code
from orchestrator.verifying.explain import meaningful_lines

#: Keeps every library of a rehearsal away from the network.
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
_WARNING = "warning: "


@dataclass(frozen=True)
class Ending:
    """How a command ended: its exit code (negative: a signal), its output, and whether the kernel
    killed something for lack of memory meanwhile."""

    code: int
    output: str
    out_of_memory: bool

    def succeeded(self, command: Command, engine: Engine) -> bool:
        """Whether everything says so; a code of 0 alone proves nothing."""
        said = command.succeeded is None or command.succeeded in self.output
        return self.code == 0 and said and not engine.crashed(self.output)

    @property
    def warnings(self) -> list[str]:
        """What a script of this tool's own warns of."""
        lines = self.output.splitlines()
        return [line.removeprefix(_WARNING) for line in lines if line.startswith(_WARNING)]

    def cause(self, engine: Engine) -> tuple[str, str | None]:
        """Why it ended early, and what helps."""
        known = self.known(engine)
        if known is not None:
            return known
        memory = "free some host memory, or use a machine with more"
        if self.out_of_memory:
            return "the kernel killed a process for lack of memory", memory
        if self.code in (-9, 137):
            return "it was killed (signal 9), perhaps for lack of memory", memory
        if self.code < 0:
            return f"it was ended by signal {-self.code}", None
        if self.code > 0:
            return f"it ended with exit code {self.code}", None
        return "it stopped before its end without saying why (killed, or out of memory?)", None

    def known(self, engine: Engine) -> tuple[str, str] | None:
        """What the log tells: a model's own code is named before what the engine makes of it."""
        told = [own_code.explain(self.output), engine.explain(self.output)]
        found = [one for one in told if one is not None]
        if not found:
            return None
        causes, fixes = zip(*found, strict=True)
        return "; ".join(causes), "; or ".join(fixes)

    def explained(self, what: str, engine: Engine) -> RecipeError:
        """The error of a command that ended early: cause, last meaningful lines, next step."""
        cause, fix = self.cause(engine)
        return RecipeError(what, why=self._told(cause), fix=fix or "read the whole log")

    def with_log(self, fault: RecipeError, engine: Engine) -> RecipeError:
        """The error of a missing or broken artifact, with what the log has to say about it."""
        cause, fix = self.known(engine) or (None, None)
        why = self._told(*filter(None, [fault.why, cause]))
        return RecipeError(fault.what, where=fault.where, why=why, fix=fix or fault.fix)

    def _told(self, *causes: str) -> str:
        lines = [f"    {line}" for line in meaningful_lines(self.output)]
        return "\n".join([*causes, *(["  the log's last lines:", *lines] if lines else [])])


def environment_of(
    environment: Environment, command: Command, *, offline: bool, base: Mapping[str, str]
) -> dict[str, str]:
    """The variables a command runs with: the environment's, its own, and the user's choices."""
    env = environment.environ(base)
    if offline:
        env.update(OFFLINE)
    env.update({key: value for key, value in command.defaults.items() if key not in base})
    env.update(command.env)
    return env


def resolved(argv: tuple[Argument, ...], root: Path) -> list[str]:
    """The argv with the words that are known only now."""
    return [word if isinstance(word, str) else word.resolve(root) for word in argv]


def run(
    argv: list[str],
    environment: Environment,
    env: Mapping[str, str],
    *,
    root: Path,
    log: Path,
    echo: Echo,
    start: Start | None = None,
) -> Ending:
    """Run one command with the run directory as its working folder; its words go to ``log``.

    ``start`` is another way to start it than as a process of its own (a warm worker's).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as sink:
        sink.write(f"$ {redacted(quoted(argv))}\n")
    offset = log.stat().st_size
    killed = out_of_memory_kills()
    program = str(environment.which(argv[0]))
    try:
        code = run_logged(
            [program, *argv[1:]],
            env=env,
            cwd=root,
            log=log,
            echo=echo,
            started=lambda pid: leftover.note(root, pid),
            start=start,
        )
    finally:
        leftover.forget(root)
    with log.open("rb") as stream:
        stream.seek(offset)
        output = stream.read().decode("utf-8", errors="replace")
    more = killed is not None and (out_of_memory_kills() or 0) > killed
    return Ending(code, output, more)
