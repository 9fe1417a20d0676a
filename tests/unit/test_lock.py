"""The lock file: one holder, who is named, and errors in words."""

from __future__ import annotations

import errno
import os
import socket
import threading
from pathlib import Path

import pytest

from orchestrator.base.errors import RecipeError
from orchestrator.base.lock import holder, locked

HERE = f"process {os.getpid()} on host {socket.gethostname()}"


def test_it_names_its_holder_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "sub" / ".lock"
    assert holder(path) is None
    with locked(path):
        assert holder(path) == HERE
    assert path.exists(), "removing it would let two processes lock two files"
    assert holder(path) is None


def test_the_next_one_waits_and_learns_for_whom(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    told: list[str] = []
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        with locked(path, lambda owner: (told.append(owner), waiting.set())):
            order.append("second")

    thread = threading.Thread(target=second)
    with locked(path):
        thread.start()
        assert waiting.wait(60)
        order.append("first")
    thread.join(60)
    assert (told, order) == ([HERE], ["first", "second"])


def test_a_holder_of_another_host_is_named(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with locked(path):
        path.write_text("process 7 on host gpu-2")
        assert holder(path) == "process 7 on host gpu-2"


@pytest.mark.parametrize("place", ["/dev/null/x", "/proc/x", "/sys/x"])
def test_a_place_where_nothing_can_be_made_is_the_users(place: str) -> None:
    with (
        pytest.raises(RecipeError, match="cannot be written to") as raised,
        locked(Path(place, "l")),
    ):
        raise AssertionError("it was locked")
    assert raised.value.where == place
    assert "RECIPE_CACHE" in (raised.value.fix or "")


def test_a_disk_without_locks_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(_handle: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(RecipeError, match="knows no locks") as raised:
        locked(tmp_path / ".lock").__enter__()
    assert raised.value.why == "No locks available"
    assert holder(tmp_path / ".lock") is None
