"""A command on the user's own terminal ends with the `recipe` that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from orchestrator.base.process_group import start_time
from tests.support.engine_runs import REPOSITORY
from tests.support.signals import heard, ignored
from tests.support.waiting import SECONDS, until

OUTER = """
import os, sys
from pathlib import Path
from orchestrator.base.process import run_attached
inner = '''
import os, pathlib, time
pathlib.Path("part").write_text(str(os.getpid()))
pathlib.Path("part").rename("pid")
while not pathlib.Path("go").exists():
    time.sleep(0.01)
'''
sys.exit(run_attached([sys.executable, "-c", inner], env=dict(os.environ), cwd=Path.cwd()) != 0)
"""


def start(
    folder: Path, signals: AbstractContextManager[None]
) -> tuple[subprocess.Popen[bytes], int]:
    """The outer process and the number of the inner one, which waits for the file ``go``."""
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with signals:
        outer = subprocess.Popen([sys.executable, "-c", OUTER], cwd=folder, env=env)
    until((folder / "pid").exists, what="the inner process")
    return outer, int((folder / "pid").read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_passed_on(number: signal.Signals, tmp_path: Path) -> None:
    outer, inner = start(tmp_path, heard(number))
    outer.send_signal(number)
    assert outer.wait(SECONDS) == 1
    assert start_time(inner) is None


def test_under_nohup_neither_ends_with_the_terminal(tmp_path: Path) -> None:
    outer, inner = start(tmp_path, ignored(signal.SIGHUP))
    for pid in (outer.pid, inner):
        os.kill(pid, signal.SIGHUP)
    (tmp_path / "go").touch()
    assert outer.wait(SECONDS) == 0
