"""The near end of a warm worker (``orchestrator/probes/warm_worker.py``): ask it for commands."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from orchestrator.base.language import say
from orchestrator.base.process_group import end_group


class Worker:
    """One engine Python with its modules imported, which forks a child for each command.

    OSError when it cannot be started, or ends before its time.
    """

    def __init__(
        self, argv: Sequence[str], modules: Sequence[str], *, env: Mapping[str, str], log: Path
    ) -> None:
        self._socket, far = socket.socketpair()
        with far, log.open("ab") as sink:
            self._process = subprocess.Popen(
                [*argv, str(far.fileno()), *modules],
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                pass_fds=[far.fileno()],
                start_new_session=True,
            )
        self._answers = self._socket.makefile("rb")

    def start(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> Started:
        """A child that runs ``argv`` (a program by its whole path)."""
        reader, writer = os.pipe()
        try:
            request = {"argv": list(argv), "env": dict(env), "cwd": str(cwd)}
            line = json.dumps(request).encode() + b"\n"
            sent = socket.send_fds(self._socket, [line], [writer])
            self._socket.sendall(line[sent:])
            answer = self._answer()
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        return Started(self, answer["pid"], answer["cold"], os.fdopen(reader, "rb", buffering=0))

    def _answer(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise OSError(say("the worker ended", "常驻进程已结束"))
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ended(self, *, wait: bool) -> int | None:
        """The exit code of the child that was started last; None while it runs."""
        if not wait and not select.select([self._socket], [], [], 0)[0]:
            return None
        try:
            code: int = self._answer()["code"]
        except OSError:
            return -signal.SIGKILL
        return code

    def close(self) -> None:
        """End the worker, which ends by itself when nobody asks any more and no child runs."""
        self._answers.close()
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2.0)
        end_group(self._process.pid, self._process.poll)
        self._process.wait()


class Started:
    """A command in a child of the worker, with what :class:`subprocess.Popen` offers of one.

    ``cold`` says why it was started afresh; None: it was forked.
    """

    def __init__(self, worker: Worker, pid: int, cold: str | None, stdout: IO[bytes]) -> None:
        self.pid, self.cold, self.stdout = pid, cold, stdout
        self._worker = worker
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            self._code = self._worker.ended(wait=False)
        return self._code

    def wait(self) -> int:
        if self._code is None:
            self._code = self._worker.ended(wait=True)
        assert self._code is not None  # it waited for it
        return self._code
