"""One way to write files: whole or not at all, on a full disk, at SIGTERM, from many processes."""

from __future__ import annotations

import contextlib
import gzip
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from data_tools.containers.atomic import CannotWrite, atomic, atomic_together
from orchestrator.base.errors import RecipeError
from orchestrator.base.files import atomic_writer, write_atomic


def run_script(script: str, folder: Path, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", textwrap.dedent(script)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "数据.jsonl", "x" * 255])
def test_a_file_appears_whole(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new folder" / name
    with atomic(path) as file:
        file.write(b"one\n")
        assert not path.exists()
    data = path.read_bytes()
    assert (gzip.decompress(data) if name.endswith(".gz") else data) == b"one\n"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_a_failing_block_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"before")
    with contextlib.suppress(ZeroDivisionError), atomic(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_several_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with (
        pytest.raises(CannotWrite, match="it is a folder"),
        atomic_together([tmp_path / "a", tmp_path / "folder"]),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_modes_follow_the_umask_and_the_file_that_was_there(tmp_path: Path) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    old = os.umask(0o027)
    try:
        write_atomic(tmp_path / "new", "")
        write_atomic(tmp_path / "run.sh", "", executable=True)
        (tmp_path / "private").touch(0o600)
        write_atomic(tmp_path / "private", "")
    finally:
        os.umask(old)
    assert mode(tmp_path / "new") == 0o640
    assert mode(tmp_path / "run.sh") == 0o750
    assert mode(tmp_path / "private") == 0o600


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_special_files_are_refused_before_anything_is_done(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "target"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    with pytest.raises(RecipeError, match="a device or a pipe"):
        write_atomic(path, "text")
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    """A limit on the size of files stands for the disk: the system says no in the same place."""
    script = f"""
        import os
        from data_tools.containers.atomic import CannotWrite, atomic
        try:
            with atomic({name!r}) as file:
                for _ in range(64):
                    file.write(os.urandom(1 << 16))
        except CannotWrite as error:
            print("refused", error.why)
    """
    limit = (1 << 20, 1 << 20)
    process = run_script(
        script, tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    out, _ = process.communicate(timeout=240)
    assert out.startswith(b"refused File too large")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    script = """
        import signal, time
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests run under nohup
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from data_tools.containers.atomic import atomic
        with atomic("rows.jsonl") as file:
            file.write(b"half a row")
            print("writing", flush=True)
            time.sleep(60)
    """
    process = run_script(script, tmp_path, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    process.send_signal(number)
    process.communicate(timeout=240)
    assert process.returncode in (128 + number, -number)
    assert list(tmp_path.iterdir()) == []


def test_a_programs_own_handlers_are_left_alone(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        mine = signal.getsignal(signal.SIGTERM)
        with atomic(tmp_path / "rows.jsonl"):
            assert signal.getsignal(signal.SIGTERM) is mine
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


def test_processes_that_write_one_file_do_not_meet(tmp_path: Path) -> None:
    script = """
        import sys
        from data_tools.containers.atomic import atomic
        for _ in range(30):
            with atomic("rows.jsonl") as file:
                for _ in range(100):
                    file.write(sys.argv[0].encode() + b"one line\\n")
    """
    running = [run_script(script, tmp_path) for _ in range(3)]
    for process in running:
        process.communicate(timeout=240)
        assert process.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]
    assert len((tmp_path / "rows.jsonl").read_bytes().splitlines()) == 100


def test_an_error_about_another_file_is_not_called_one_of_writing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_writer(tmp_path / "out"):
        (tmp_path / "missing").read_bytes()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecipeError) as caught:
        write_atomic(tmp_path / "file" / "below", "text")
    assert "below could not be written" in str(caught.value)
    assert "unchanged" in str(caught.value)
