"""A warm worker: one Python that imported once, and forks a child for each command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.base.process import run_logged
from orchestrator.base.warm import Worker
from orchestrator.probes import WARM_WORKER

ENV = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


class House:
    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "worker.log"
        self.worker = Worker(
            [sys.executable, str(WARM_WORKER)],
            ["heavy_is_missing", "json.tool"],
            env=ENV,
            log=self.log,
        )

    def script(self, text: str, name: str = "script.py") -> list[str]:
        (self.folder / name).write_text(text, encoding="utf-8")
        return [sys.executable, str(self.folder / name)]

    def ran(self, argv: list[str], **more: str) -> tuple[str | None, bytes, int]:
        """Why it was started afresh, what it printed, and its exit code."""
        started = self.worker.start(argv, env={**ENV, **more}, cwd=self.folder)
        with started.stdout as stream:
            printed = stream.read()
        return started.cold, printed, started.wait()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    yield built
    built.worker.close()


def both(house: House, argv: list[str]) -> tuple[int, str]:
    """Exit code and output, equal whether it is forked or started afresh."""
    afresh = subprocess.run(
        argv,
        env=ENV,
        cwd=house.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    cold, printed, code = house.ran(argv)
    assert cold is None
    assert (code, printed) == (afresh.returncode, afresh.stdout)
    return afresh.returncode, printed.decode()


LOOK = """
import os, sys
print(__name__, __file__, sys.argv[1:], sys.path[0], os.getcwd(), sys.stdin.read())
"""
AT_EXIT = "import atexit, sys\natexit.register(print, 'last words')\nprint('first')\nsys.exit(3)\n"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (LOOK, 0, "__main__"),
        (AT_EXIT, 3, "first\nlast words\n"),
        ("raise SystemExit('in words')", 1, "in words\n"),
        ("raise SystemExit", 0, ""),
        ("def f():\n    return 1 / 0\nf()\n", 1, "ZeroDivisionError"),
        ("def f(:\n", 1, "SyntaxError"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", -11, ""),
        ("raise KeyboardInterrupt", -2, "KeyboardInterrupt"),
        ("import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.2), "
         "print('joined'))).start()", 0, "joined"),
    ],
)  # fmt: skip
def test_a_fork_does_what_a_process_of_its_own_does(
    house: House, text: str, code: int, words: str
) -> None:
    ended, printed = both(house, house.script(text))
    assert ended == code
    assert words in printed


def test_a_tool_that_the_program_starts_is_forked_too(house: House) -> None:
    """XTuner's command starts its tools with a bare `python`, and takes no notice of their end."""
    house.script("import sys\nprint('tool', sys.argv, __name__)\nsys.exit(5)\n", "tool.py")
    ask = "import subprocess\nprint(subprocess.run(['python', 'tool.py', 'x']).returncode)\n"
    assert both(house, house.script(ask))[1] == "tool ['tool.py', 'x'] __main__\n5\n"


def test_a_console_script_is_forked(house: House) -> None:
    program = house.folder / "program"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1:])\n")
    program.chmod(0o755)
    assert house.ran([str(program), "train"]) == (None, b"['train']\n", 0)


def test_what_cannot_be_equal_in_a_fork_is_started_afresh_with_the_reason(house: House) -> None:
    argv = house.script("import os\nprint(os.environ.get('OMP_NUM_THREADS_X'))\n")
    why = "other variables: OMP_NUM_THREADS_X"
    assert house.ran(argv, OMP_NUM_THREADS_X="3") == (why, b"3\n", 0)
    why = "its program is not a Python script"
    assert house.ran(["/bin/sh", "-c", "echo hello"]) == (why, b"hello\n", 0)
    (house.folder / "shim").mkdir()
    (house.folder / "shim" / "json.py").write_text("mine = 1\n")
    argv = house.script("import json; print(json.mine)")
    why, *rest = house.ran(argv, PYTHONPATH="shim")
    assert "has modules of its own: json" in str(why)
    assert rest == [b"1\n", 0]


def test_a_sitecustomize_of_the_command_is_loaded(house: House) -> None:
    (house.folder / "shim").mkdir()
    (house.folder / "shim" / "sitecustomize.py").write_text("import sys\nsys.bridged = True\n")
    argv = house.script("import sys; print(sys.bridged)")
    assert house.ran(argv, PYTHONPATH="shim") == (None, b"True\n", 0)


def test_a_worker_that_died_says_so(house: House) -> None:
    house.worker._process.kill()
    house.worker._process.wait()
    with pytest.raises(OSError, match=r"the worker ended|Broken pipe|reset"):
        house.ran(house.script("print(1)"))


def test_an_interrupted_command_is_ended_and_the_worker_goes_on(house: House) -> None:
    argv = house.script("import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    began = time.monotonic()

    def interrupt(_chunk: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Exception, match="Interrupted"):
        run_logged(
            argv,
            env=ENV,
            cwd=house.folder,
            log=house.folder / "log",
            echo=interrupt,
            start=house.worker.start,
        )
    assert time.monotonic() - began < 30
    assert both(house, house.script("print('on')"))[1] == "on\n"


def test_what_could_not_be_imported_stands_in_the_workers_log(house: House) -> None:
    both(house, house.script("print(1)"))
    assert "heavy_is_missing: ModuleNotFoundError" in house.log.read_text()


def test_a_worker_ends_with_whoever_asked(house: House) -> None:
    both(house, house.script("print(1)"))
    process = house.worker._process
    house.worker.close()
    assert process.poll() is not None
