"""A command on the user's own terminal ends with the `recipe` that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.engine_runs import REPOSITORY

OUTER = """
import os, sys
from pathlib import Path
from orchestrator.base.process import run_attached
inner = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
sys.exit(run_attached([sys.executable, "-c", inner], env=dict(os.environ), cwd=Path.cwd()) != 0)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_passed_on(number: signal.Signals, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    outer = subprocess.Popen([sys.executable, "-c", OUTER], cwd=tmp_path, env=env)
    pid = tmp_path / "pid"
    deadline = time.monotonic() + 20
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    inner = int(pid.read_text())
    outer.send_signal(number)
    assert outer.wait(timeout=20) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(inner, 0)
