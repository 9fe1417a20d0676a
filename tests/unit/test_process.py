"""The one seam to other programs, with real processes."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base import process_group
from orchestrator.base.errors import Interrupted, RecipeError
from orchestrator.base.process import quoted, run_logged, termination_interrupts
from orchestrator.running import leftover
from tests.support.signals import heard, ignored, send_when

SH = "/bin/sh"


def run(script: str, folder: Path, **more: object) -> int:
    return run_logged(
        [SH, "-c", script],
        env=os.environ,
        cwd=folder,
        log=folder / "log",
        **more,  # type: ignore[arg-type]
    )


def test_output_of_both_streams_is_kept_and_shown(tmp_path: Path) -> None:
    shown = bytearray()
    code = run("echo out; echo err >&2; printf '\\377no newline'", tmp_path, echo=shown.extend)
    assert code == 0
    assert (tmp_path / "log").read_bytes() == b"out\nerr\n\xffno newline" == bytes(shown)


def test_a_log_grows_and_is_never_overwritten(tmp_path: Path) -> None:
    run("echo one", tmp_path)
    run("echo two", tmp_path)
    assert (tmp_path / "log").read_text(encoding="utf-8") == "one\ntwo\n"


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", -9)])
def test_how_it_ended(tmp_path: Path, script: str, code: int) -> None:
    assert run(script, tmp_path) == code


def test_the_environment_and_folder_are_exactly_those_given(tmp_path: Path) -> None:
    code = run_logged(
        [SH, "-c", "echo $ONE $HOME; pwd"], env={"ONE": "1"}, cwd=tmp_path, log=tmp_path / "log"
    )
    assert code == 0
    assert (tmp_path / "log").read_text(encoding="utf-8") == f"1\n{tmp_path.resolve()}\n"


def test_it_reads_no_input(tmp_path: Path) -> None:
    assert run("if read line; then echo got; else echo nothing; fi", tmp_path) == 0
    assert (tmp_path / "log").read_text(encoding="utf-8") == "nothing\n"


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="could not be started") as caught:
        run_logged(["/nowhere/x"], env={}, cwd=tmp_path, log=tmp_path / "log")
    assert "recipe env doctor" in str(caught.value)


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that is just about to start its program loses the first signal."""
    monkeypatch.setattr(process_group, "GRACE_SECONDS", 0.4)


@pytest.mark.usefixtures("short_grace")
def test_a_log_that_cannot_be_written_ends_the_program(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    began = time.monotonic()
    with pytest.raises(RecipeError, match="could not be stored") as caught:
        run_logged([SH, "-c", "echo x; sleep 60"], env=os.environ, cwd=tmp_path, log=full)
    assert "No space left on device" in str(caught.value)
    assert time.monotonic() - began < 30


@pytest.mark.usefixtures("short_grace")
def test_a_reader_that_went_away_is_no_full_disk(tmp_path: Path) -> None:
    def gone(_chunk: bytes) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run("echo x; sleep 60", tmp_path, echo=gone)


#: A program that starts another one and ends politely, and one that hears no signal but the last.
POLITE = "trap 'exit 0' INT TERM; sleep 100 & echo $! > child; touch ready; wait"
DEAF = "trap '' INT TERM; (trap '' INT TERM; sleep 100) & echo $! > child; touch ready; wait; wait"


@pytest.mark.parametrize("script", [POLITE, DEAF])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.usefixtures("short_grace")
def test_an_interrupt_ends_the_group(tmp_path: Path, script: str, number: signal.Signals) -> None:
    with heard(number):
        before = signal.getsignal(number)
        thread = send_when((tmp_path / "ready").exists, number)
        with termination_interrupts(), pytest.raises(Interrupted):
            run(script, tmp_path)
        thread.join()
        assert signal.getsignal(number) is before
    child = int((tmp_path / "child").read_text(encoding="ascii"))
    assert process_group.start_time(child) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_was_ignored_from_the_start_stays_ignored(
    tmp_path: Path, number: signal.Signals
) -> None:
    """`nohup recipe run …`: the engine and this process both outlive the terminal."""
    script = f"kill -{number} $$; touch ready; while [ ! -e go ]; do sleep 0.01; done; echo whole"
    with ignored(number), termination_interrupts():
        assert signal.getsignal(number) is signal.SIG_IGN
        thread = send_when((tmp_path / "ready").exists, number)
        after = threading.Thread(target=lambda: (thread.join(), (tmp_path / "go").touch()))
        after.start()
        assert run(script, tmp_path) == 0
        after.join()
    assert (tmp_path / "log").read_text(encoding="utf-8") == "whole\n"


@given(st.lists(st.text(st.characters(exclude_characters="\0")), min_size=1))
def test_a_printed_command_can_be_pasted(words: list[str]) -> None:
    assert shlex.split(quoted(words)) == words


def sleeper(folder: Path) -> subprocess.Popen[bytes]:
    code = "import time; time.sleep(100)"
    return subprocess.Popen([sys.executable, "-c", code], cwd=folder, start_new_session=True)


def test_a_left_over_engine_is_ended_once(tmp_path: Path) -> None:
    engine = sleeper(tmp_path)
    leftover.note(tmp_path, engine.pid)
    threading.Thread(target=engine.wait, daemon=True).start()
    assert leftover.end(tmp_path)
    assert process_group.start_time(engine.pid) is None
    assert not leftover.end(tmp_path)


def test_somebody_elses_process_is_left_alone(tmp_path: Path) -> None:
    """The number was given to another process meanwhile."""
    other = sleeper(tmp_path)
    try:
        (tmp_path / ".engine").write_text(f"{other.pid} 12\n", encoding="ascii")
        assert not leftover.end(tmp_path)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("text", ["", "garbage", "1 2 3", "99999999 5"])
def test_a_note_that_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / ".engine").write_text(text, encoding="ascii")
    assert not leftover.end(tmp_path)


def test_a_finished_command_leaves_no_note(tmp_path: Path) -> None:
    leftover.forget(tmp_path)
    assert not leftover.end(tmp_path)
