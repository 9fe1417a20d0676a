"""The one seam to other programs: argv lists only, whole output kept, a group that can be ended.

A command runs in a process group of its own, so that Ctrl-C (or a scheduler's SIGTERM) ends the
engine with everything it started, torchrun workers included.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from orchestrator.base.errors import Interrupted, RecipeError
from orchestrator.base.language import say
from orchestrator.base.process_group import end_group

_CHUNK = 65536
_SILENCE = 1.0  # seconds after which whoever shows the output may say how long it has been

Echo = Callable[[bytes], object]


class Running(Protocol):
    """A started command, the first process of a group of its own; its output is one stream."""

    @property
    def pid(self) -> int: ...
    @property
    def stdout(self) -> IO[bytes] | None: ...
    def poll(self) -> int | None: ...
    def wait(self) -> int: ...


class Start(Protocol):
    """Start ``argv``; OSError or RecipeError when it cannot be."""

    def __call__(self, argv: Sequence[str], /, *, env: Mapping[str, str], cwd: Path) -> Running: ...


def quoted(argv: Sequence[str]) -> str:
    """The command as it can be pasted into a shell."""
    return " ".join(shlex.quote(word) for word in argv)


def run_logged(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    echo: Echo | None = None,
    started: Callable[[int], object] | None = None,
    start: Start | None = None,
) -> int:
    """Run ``argv``, append its output to ``log`` (and to ``echo``), return its exit code.

    ``echo`` is given every chunk as it comes, and nothing (``b""``) once a second of silence.
    ``started`` is told the number of its process group. ``start`` is another way to start it.
    A negative code is the signal that ended it. Raises :class:`Interrupted` after ending the whole
    group when this process is interrupted, :class:`RecipeError` when it cannot be started or its
    output cannot be stored.
    """
    with log.open("ab", buffering=0) as sink:
        process = (start or start_afresh)(argv, env=env, cwd=cwd)
        try:
            if started is not None:
                started(process.pid)
            _copy_output(process, sink.write, echo)
            return process.wait()
        except KeyboardInterrupt:
            _stop(process)
            raise Interrupted(
                say(
                    "Interrupted: the engine and everything it started was ended.",
                    "已中断：引擎及其启动的所有进程都已结束。",
                )
            ) from None
        except BrokenPipeError:  # who read this program's output went away
            _stop(process)
            raise
        except OSError as error:
            _stop(process)
            raise RecipeError(
                say(
                    f"The output of {argv[0]} could not be stored.", f"无法保存 {argv[0]} 的输出。"
                ),
                where=str(log),
                why=error.strerror or str(error),
                fix=say(
                    "free some space, then run the same command again",
                    "请腾出磁盘空间，然后再次运行同一命令",
                ),
            ) from error


@dataclass(frozen=True)
class Result:
    """How a captured program ended. A negative ``code`` is the signal that ended it."""

    code: int
    output: str
    errors: str
    timed_out: bool = False


def capture(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    line: Callable[[str], object] | None = None,
    keep: Sequence[int] = (),
) -> Result:
    """Run a helper to its end and return its exit code and what it wrote to both streams (UTF-8).

    ``env`` replaces the environment. ``line`` is called with every line of either stream as it
    comes. ``keep`` are file descriptors that it inherits. After ``timeout`` seconds, and on any
    exception, it is ended with everything it started. Raises OSError when it cannot be started.
    """
    process = subprocess.Popen(
        list(argv),
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=tuple(keep),
    )
    output, errors = _Stream(line), _Stream(line)
    with process:
        try:
            ended = _drain({process.stdout: output, process.stderr: errors}, timeout)
            if not ended:
                _stop(process)
            return Result(process.wait(), output.text(), errors.text(), timed_out=not ended)
        except BaseException:
            _stop(process)
            raise


class _Stream:
    """What came from one pipe, told line by line."""

    def __init__(self, line: Callable[[str], object] | None) -> None:
        self._line = line
        self._bytes = bytearray()
        self._told = 0

    def add(self, chunk: bytes) -> None:
        """Keep a chunk; an empty one is the end and tells an unfinished line as well."""
        self._bytes += chunk
        end = self._bytes.rfind(b"\n") + 1 if chunk else len(self._bytes)
        if self._line is not None and end > self._told:
            for each in self._bytes[self._told : end].decode(errors="replace").splitlines():
                self._line(each)
            self._told = end

    def text(self) -> str:
        return self._bytes.decode(errors="replace")


def _drain(pipes: Mapping[IO[bytes] | None, _Stream], timeout: float | None) -> bool:
    """Read the pipes to their ends; False when the time ran out before."""
    deadline = time.monotonic() + timeout if timeout is not None else float("inf")
    with selectors.DefaultSelector() as selector:
        for pipe, stream in pipes.items():
            assert pipe is not None  # given as PIPE
            selector.register(pipe, selectors.EVENT_READ, stream)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in selector.select(min(left, 60.0)):
                chunk = os.read(key.fd, _CHUNK)
                key.data.add(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
    return True


def run_attached(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> int:
    """Run an interactive command on this terminal and return its exit code.

    Ctrl-C is the command's own; a SIGTERM or SIGHUP to this process is passed on to it, so that no
    server outlives the `recipe` that started it. What is ignored (nohup) stays so for both.
    """
    previous = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    try:
        process = subprocess.Popen(
            list(argv), env=dict(env), cwd=cwd, preexec_fn=_default_interrupt
        )
        for number in _heard():
            previous[number] = signal.signal(number, lambda got, _frame: process.send_signal(got))
        return process.wait()
    except FileNotFoundError as error:
        raise _cannot_start(argv, error) from error
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _heard() -> list[signal.Signals]:
    """The signals of an end, without those that whoever started this process had it ignore.

    `nohup recipe run …` goes on when its terminal is closed.
    """
    ends = (signal.SIGTERM, signal.SIGHUP)
    return [number for number in ends if signal.getsignal(number) is not signal.SIG_IGN]


def _default_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start_afresh(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path
) -> subprocess.Popen[bytes]:
    """A process of its own, in a session of its own. RecipeError when it cannot be started."""
    try:
        return subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise _cannot_start(argv, error) from error


def _cannot_start(argv: Sequence[str], error: OSError) -> RecipeError:
    return RecipeError(
        say(f"The command {argv[0]!r} could not be started.", f"无法启动命令 {argv[0]!r}。"),
        where=quoted(argv),
        why=error.strerror or str(error),
        fix=say(
            "check the engine's environment with `recipe env doctor`",
            "请用 `recipe env doctor` 检查引擎的环境",
        ),
    )


def _copy_output(process: Running, store: Callable[[bytes], object], echo: Echo | None) -> None:
    assert process.stdout is not None  # given as PIPE above
    with process.stdout as stream, selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if not selector.select(_SILENCE):
                if echo is not None:
                    echo(b"")
                continue
            chunk = os.read(stream.fileno(), _CHUNK)
            if not chunk:
                return
            store(chunk)
            if echo is not None:
                echo(chunk)


def _stop(process: Running) -> None:
    end_group(process.pid, process.poll)
    process.wait()


@contextlib.contextmanager
def termination_interrupts() -> Iterator[None]:
    """Inside this block SIGTERM and SIGHUP act as Ctrl-C does, unless they are ignored (nohup)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _heard()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
