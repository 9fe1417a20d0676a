"""The one seam to other programs: argv lists only, whole output kept, a group that can be ended.

A command runs in a process group of its own, so that Ctrl-C (or a scheduler's SIGTERM) ends the
engine with everything it started, torchrun workers included.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from orchestrator.errors import Interrupted, RecipeError

#: Seconds a group is given after each signal before the next, harder one.
GRACE_SECONDS = 8.0
_CHUNK = 65536

Echo = Callable[[bytes], object]


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
) -> int:
    """Run ``argv``, append its output to ``log`` (and to ``echo``), return its exit code.

    A negative code is the signal that ended it. Raises :class:`Interrupted` after ending the whole
    group when this process is interrupted, :class:`RecipeError` when it cannot be started or its
    output cannot be stored.
    """
    with log.open("ab", buffering=0) as sink:
        process = _start(argv, env=env, cwd=cwd)
        try:
            _copy_output(process, sink.write, echo)
            return process.wait()
        except KeyboardInterrupt:
            end_group(process)
            raise Interrupted(
                "Interrupted: the engine and everything it started was ended."
            ) from None
        except OSError as error:
            end_group(process)
            raise RecipeError(
                f"The output of {argv[0]} could not be stored.",
                where=str(log),
                why=error.strerror or str(error),
                fix="free some space, then run the same command again",
            ) from error


def run_attached(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> int:
    """Run an interactive command on this terminal and return its exit code."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine's own prompt handles it
    try:
        process = subprocess.Popen(
            list(argv), env=dict(env), cwd=cwd, preexec_fn=_default_interrupt
        )
        return process.wait()
    except FileNotFoundError as error:
        raise _cannot_start(argv, error) from error
    finally:
        signal.signal(signal.SIGINT, previous)


def _default_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _start(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
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
        f"The command {argv[0]!r} could not be started.",
        where=quoted(argv),
        why=error.strerror or str(error),
        fix="check the engine's environment with `recipe env doctor`",
    )


def _copy_output(
    process: subprocess.Popen[bytes], store: Callable[[bytes], object], echo: Echo | None
) -> None:
    assert process.stdout is not None  # given as PIPE above
    descriptor = process.stdout.fileno()
    while chunk := os.read(descriptor, _CHUNK):
        store(chunk)
        if echo is not None:
            echo(chunk)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process group: interrupt, terminate, kill, each with a grace period.

    A second interrupt while waiting kills at once.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            if _group_ended(process, GRACE_SECONDS):
                break
        except KeyboardInterrupt:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            break
    process.wait()


def _group_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        process.poll()
        try:
            os.killpg(process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return True
        time.sleep(0.05)
    return False


@contextlib.contextmanager
def termination_interrupts() -> Iterator[None]:
    """Inside this block SIGTERM and SIGHUP act as Ctrl-C does (schedulers send them)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {n: signal.signal(n, interrupt) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def out_of_memory_kills() -> int | None:
    """How many processes the kernel has killed for lack of memory; None where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else None
