"""One engine command in its environment: run it, keep its words, and judge how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.errors import RecipeError
from orchestrator.base.hardware import out_of_memory_kills
from orchestrator.base.language import say
from orchestrator.base.plan import Argument, Command
from orchestrator.base.process import Echo, Start, quoted, run_logged
from orchestrator.base.secrets import redacted
from orchestrator.causes.excerpt import last_words
from orchestrator.causes.why import Cause, Ended, explain
from orchestrator.engines import registry
from orchestrator.engines.protocol import Engine
from orchestrator.envs.environment import Environment
from orchestrator.running import leftover

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

    def cause(self, engine: Engine) -> Cause | None:
        """What the log and the exit show; None when they show nothing."""
        table = registry.causes(self.output, engine)
        return explain(self.output, table, Ended(self.code, self.out_of_memory))

    def explained(self, what: str, engine: Engine) -> RecipeError:
        """The error of a command that ended early: cause, last meaningful lines, next step."""
        cause = self.cause(engine)
        return RecipeError(what, why=self._told(cause, self._words(cause)), fix=_fix(cause))

    def with_log(self, fault: RecipeError, engine: Engine) -> RecipeError:
        """The error of a missing or broken artifact, with what the log has to say about it."""
        cause = self.cause(engine)
        if cause is None or cause.id is None:
            why = self._told(cause, *filter(None, [fault.why]))
            return RecipeError(fault.what, where=fault.where, why=why, fix=fault.fix)
        why = self._told(cause, *filter(None, [fault.why, cause.cause]))
        return RecipeError(fault.what, where=fault.where, why=why, fix=cause.fix)

    def _words(self, cause: Cause | None) -> str:
        """Why it ended, for a reader; nothing is guessed that nothing shows."""
        if cause is not None and cause.id is not None:
            return cause.cause
        if cause is not None:
            return say(f"it ended with: {cause.cause}", f"它以此报错结束：{cause.cause}")
        if self.code < 0:
            return say(f"it was ended by signal {-self.code}", f"它被信号 {-self.code} 结束")
        if self.code > 0:
            return say(f"it ended with exit code {self.code}", f"它以退出码 {self.code} 结束")
        return say(
            "it stopped before its end, and nothing in its log says why",
            "它没有运行到最后就停了，日志里没有说明原因",
        )

    def _told(self, cause: Cause | None, *words: str) -> str:
        until = cause.line if cause else None
        lines = [f"    {line}" for line in last_words(self.output, until=until)]
        title = say("  the log's last lines:", "  日志的最后几行：")
        return "\n".join([*words, *([title, *lines] if lines else [])])


def _fix(cause: Cause | None) -> str:
    if cause is not None and cause.fix:
        return cause.fix
    return say(
        "read the whole log; `recipe why` gives its traceback, and a text to post",
        "阅读完整日志；`recipe why` 会给出报错堆栈和可以发出去求助的文字",
    )


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
