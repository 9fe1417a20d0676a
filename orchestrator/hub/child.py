"""A download in a process of its own, so that it can be stopped at any moment and stays silent.

The clients read whole megabytes between two looks at the world, join their threads on exit, and
draw bars of their own. A child that can be killed is stopped at once, and both clients go on later
from what is on disk. It is our own code, not an engine's command, so it does not go through the
seam that echoes and logs those.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from orchestrator.base.errors import Interrupted, RecipeError
from orchestrator.hub import faults
from orchestrator.hub.remote import Counter, Hub, Progress, RemoteFile

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

_ROOT = Path(__file__).resolve().parents[2]
# The current folder must not be searched: a user's own queue.py there would replace Python's.
_START = """
import sys
sys.path[:] = [sys.argv[1], *filter(None, sys.path)]
from orchestrator.hub.child import main
main()
"""
_LOOK = 0.1  # seconds between two looks at `cancel`, and between two progress lines
_TAIL = 2000  # bytes of the client's last words that are kept


def download(
    hub: Hub,
    model: Model,
    wanted: Sequence[RemoteFile],
    progress: Progress | None,
    cancel: threading.Event | None,
) -> Path:
    """Run ``hub.download`` in a child; returns the folder. Raises what the child raised."""
    with tempfile.TemporaryFile() as words, _child(words) as process, _watched(process, cancel):
        answer = _converse(process, _order(model, wanted), progress)
        code = process.wait()
        if cancel is not None and cancel.is_set() and "path" not in answer:
            raise Interrupted(f"The download of {model.id} was stopped.", fix=faults.AGAIN)
        if "path" in answer:
            return Path(answer["path"])
        if "error" in answer:
            raise RecipeError(answer["error"].pop("what"), **answer["error"])
        raise _died(hub, model, code, _tail(words))


@contextlib.contextmanager
def _child(words: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A child in its own session (Ctrl-C reaches it through us), never left behind."""
    process = subprocess.Popen(
        [sys.executable, "-c", _START, str(_ROOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=words,
        start_new_session=True,
    )
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        process.wait()


@contextlib.contextmanager
def _watched(process: subprocess.Popen[bytes], cancel: threading.Event | None) -> Iterator[None]:
    """Kill the child when ``cancel`` is set."""
    ended = threading.Event()

    def watch(cancel: threading.Event) -> None:
        while not ended.is_set():
            if cancel.wait(_LOOK):
                process.kill()
                return

    thread = threading.Thread(target=watch, args=(cancel,), daemon=True) if cancel else None
    if thread is not None:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if thread is not None:
            thread.join()


def _order(model: Model, wanted: Sequence[RemoteFile]) -> bytes:
    order = {"model": model.model_dump(mode="json"), "wanted": [astuple(each) for each in wanted]}
    return json.dumps(order).encode() + b"\n"


def _converse(
    process: subprocess.Popen[bytes], order: bytes, progress: Progress | None
) -> dict[str, Any]:
    """Give the order, pass the progress on, and return the last word (nothing when it died)."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(order)
        process.stdin.flush()  # and left open: its end tells the child that we are gone
    answer: dict[str, Any] = {}
    for line in process.stdout:
        try:
            answer = json.loads(line)
        except ValueError:
            return {}  # killed in the middle of a line
        if "step" in answer and progress is not None:
            done, total, name = answer["step"]
            progress(done, total, name)
    return answer


def _tail(words: IO[bytes]) -> str:
    words.seek(max(0, words.seek(0, os.SEEK_END) - _TAIL))
    return words.read().decode(errors="replace").strip()


def _died(hub: Hub, model: Model, code: int, tail: str) -> Exception:
    if code < 0:
        why = f"the process that downloads was killed (signal {-code})"
        return faults.cut_off(model, hub.name, [], why)
    return RuntimeError(f"the download process ended with {code}: {tail}")


def main() -> None:
    """The child: read the order, download, and say how it went, one JSON object a line."""
    from orchestrator.hub.fetch import hub_of
    from orchestrator.recipe.schema import Model

    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a client prints must not get between the answers
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    model = Model.model_validate(order["model"])
    wanted = [RemoteFile(*each) for each in order["wanted"]]
    say = _Voice(out)
    try:
        counter = Counter(sum(each.size for each in wanted), say.step)
        folder = hub_of(model).download(model, wanted, counter)
        say.last({"path": str(folder)})
    except RecipeError as error:
        fields = ("what", "where", "why", "fix", "exit_code")
        say.last({"error": {name: getattr(error, name) for name in fields}})


def _end_with_parent() -> None:
    """Standard input ends when the parent does. Read raw: a buffer's lock would block our exit."""
    while os.read(0, 1):
        pass
    os._exit(1)


class _Voice:
    """Writes whole lines, and progress not more often than a person can read it."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._next = 0.0

    def step(self, done: int, total: int, name: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _LOOK
            self.last({"step": [done, total, name]})

    def last(self, value: dict[str, Any]) -> None:
        self._out.write(json.dumps(value).encode() + b"\n")
