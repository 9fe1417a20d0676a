"""The seam for helpers whose output is read rather than logged."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from orchestrator.base import process, process_group
from orchestrator.base.process import capture

PYTHON = sys.executable


def python(code: str, **more: object) -> process.Result:
    return capture([PYTHON, "-c", code], **more)  # type: ignore[arg-type]


def test_both_streams_and_the_code_come_back() -> None:
    done = python("import sys; print('ä' * 70_000); print('oops', file=sys.stderr); sys.exit(3)")
    assert done.output == "ä" * 70_000 + "\n"
    assert done.errors == "oops\n"
    assert (done.code, done.timed_out) == (3, False)


def test_every_line_is_told_once_and_whole_whatever_the_pieces() -> None:
    told: list[str] = []
    code = (
        "import os, time\n"
        "for part in (b'one\\ntw', b'o\\n\\xe4\\xb8', b'\\xad\\nlast'):\n"
        "    os.write(1, part); time.sleep(0.05)\n"
    )
    python(code, line=told.append)
    assert told == ["one", "two", "中", "last"]


def test_the_environment_the_folder_and_no_input(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ.get('MINE'), os.getcwd(), repr(sys.stdin.read()))"
    env = {**os.environ, "MINE": "yes"}
    assert python(code, env=env, cwd=tmp_path).output == f"yes {tmp_path} ''\n"


def test_a_time_limit_ends_what_was_started_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_group, "GRACE_SECONDS", 0.4)
    script = "echo begun; sleep 100 & echo $! > child; wait"
    done = capture(["sh", "-c", script], cwd=tmp_path, timeout=2)
    assert done.timed_out
    assert done.output == "begun\n"
    assert process_group.start_time(int((tmp_path / "child").read_text())) is None


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_exception_while_it_runs_ends_it(error: type[BaseException]) -> None:
    def stop(_line: str) -> None:
        raise error

    began = time.monotonic()
    with pytest.raises(error):
        python("import time; print('x', flush=True); time.sleep(100)", line=stop)
    assert time.monotonic() - began < 60


def test_it_inherits_a_descriptor_that_is_kept(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as file:
        number = file.fileno()
        code = f"import os; os.fstat({number})"
        assert python(code, keep=[number]).code == 0
        assert python(code).code == 1


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        capture([str(tmp_path / "nothing")])
