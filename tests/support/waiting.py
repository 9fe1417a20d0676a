"""Waiting for something that another process or thread does, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Far more than an idle machine needs: a test that fails for lack of time says nothing.
SECONDS = 240.0


def until(
    holds: Callable[[], object], *, what: str = "", seconds: float = SECONDS, every: float = 0.02
) -> None:
    """Return as soon as ``holds()`` is true; AssertionError naming ``what`` when it never is."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"in vain after {seconds:.0f} s: {what or holds}"
        time.sleep(every)
