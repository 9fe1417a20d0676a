"""Signals in tests, which mean the same however the tests were started (nohup, cron, a shell's &).

A handler can be set by the main thread alone, and a child process inherits what is ignored.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

from tests.support.waiting import until

_DEFAULT: dict[signal.Signals, signal._HANDLER] = {signal.SIGINT: signal.default_int_handler}


@contextlib.contextmanager
def heard(*numbers: signal.Signals) -> Iterator[None]:
    """In this block the signals have their default effect, in this process and its children."""
    with _handled({number: _DEFAULT.get(number, signal.SIG_DFL) for number in numbers}):
        yield


@contextlib.contextmanager
def ignored(*numbers: signal.Signals) -> Iterator[None]:
    """In this block the signals are ignored, in this process and its children (nohup)."""
    with _handled(dict.fromkeys(numbers, signal.SIG_IGN)):
        yield


@contextlib.contextmanager
def _handled(handlers: dict[signal.Signals, signal._HANDLER]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def send_when(ready: Callable[[], object], number: signal.Signals) -> threading.Thread:
    """A thread that sends this process the signal once ``ready()`` holds. Join it."""

    def wait() -> None:
        until(ready)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread
