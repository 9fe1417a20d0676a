"""Data files from a web address."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.base.errors import RecipeError
from orchestrator.base.secrets import HIDDEN
from orchestrator.hub import files
from orchestrator.hub.files import fetch_file
from tests.support.hub_server import StandIn, sha256, standing_in

BODY = bytes(range(256)) * 2000
DIGEST = sha256(BODY)
NAME = "MedQA2019.xlsx"
BLOCK = 1 << 16  # whole blocks of a broken connection are kept


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with standing_in() as running:
        yield running


@pytest.fixture
def stand_in(server: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    monkeypatch.setattr(files, "_PAUSE", 0.01)
    server.faults.clear()
    server.redirects.clear()
    server.pages.clear()
    server.pages[NAME] = BODY
    server.asked.clear()
    return server


def refusal(url: str, digest: str | None, into: Path) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        fetch_file(url, digest, into)
    assert caught.value.why
    assert caught.value.fix
    return caught.value


def left_of(folder: Path) -> list[str]:
    """The files in a folder, but for the lock that says who is at it."""
    found = {each.name for each in folder.rglob("*") if each.is_file()}
    return sorted(found - {".lock"})


def starts(stand_in: StandIn) -> list[int]:
    return [each.start for each in stand_in.bodies(NAME)]


@pytest.mark.parametrize("digest", [DIGEST, None])
def test_it_comes_once_and_keeps_its_name(
    stand_in: StandIn, tmp_path: Path, digest: str | None
) -> None:
    steps: list[tuple[int, int, str]] = []
    url = f"{stand_in.url}/{NAME}"
    path = fetch_file(url, digest, tmp_path, progress=lambda *step: steps.append(step))
    assert (path.name, path.read_bytes()) == (NAME, BODY)
    assert path.is_relative_to(tmp_path)
    assert steps[-1] == (len(BODY), len(BODY), NAME)
    assert fetch_file(url, digest, tmp_path) == path
    assert starts(stand_in) == [0]
    assert left_of(path.parent) == [NAME]


def test_the_same_file_from_another_address_is_known_by_its_digest(
    stand_in: StandIn, tmp_path: Path
) -> None:
    path = fetch_file(f"{stand_in.url}/{NAME}", DIGEST, tmp_path)
    assert fetch_file(f"http://mirror.invalid/{NAME}", DIGEST, tmp_path) == path


@pytest.mark.parametrize("digest", [DIGEST, None])
def test_a_cut_connection_goes_on_where_it_stopped(
    stand_in: StandIn, tmp_path: Path, digest: str | None
) -> None:
    for value in (3 * BLOCK + 9, 2 * BLOCK + 5):
        stand_in.fail(NAME, "cut", value=value)
    path = fetch_file(f"{stand_in.url}/{NAME}", digest, tmp_path)
    assert path.read_bytes() == BODY
    assert starts(stand_in) == [0, 3 * BLOCK, 5 * BLOCK]
    assert stand_in.bodies(NAME)[1].headers["if-range"] == f'"{DIGEST}"'


def test_a_part_from_an_earlier_run_is_used_only_with_a_digest(
    stand_in: StandIn, tmp_path: Path
) -> None:
    for digest, first in ((DIGEST, 5000), (None, 0)):
        path = fetch_file(f"{stand_in.url}/{NAME}", digest, tmp_path)
        path.rename(path.with_name(f".{NAME}.part"))
        with path.with_name(f".{NAME}.part").open("r+b") as part:
            part.truncate(5000)
        stand_in.asked.clear()
        assert fetch_file(f"{stand_in.url}/{NAME}", digest, tmp_path).read_bytes() == BODY
        assert starts(stand_in) == [first]


def test_a_whole_part_needs_no_more_than_a_look(stand_in: StandIn, tmp_path: Path) -> None:
    path = fetch_file(f"{stand_in.url}/{NAME}", DIGEST, tmp_path)
    path.rename(path.with_name(f".{NAME}.part"))
    assert fetch_file(f"{stand_in.url}/{NAME}", DIGEST, tmp_path).read_bytes() == BODY


def test_a_file_that_changed_meanwhile_starts_again(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.fail(NAME, "cut", value=2 * BLOCK)
    stand_in.fail(NAME, "whole")  # the validator does not fit: the server sends everything
    path = fetch_file(f"{stand_in.url}/{NAME}", None, tmp_path)
    assert path.read_bytes() == BODY


def test_damage_is_repaired_once_and_then_told(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.fail(NAME, "corrupt")
    assert fetch_file(f"{stand_in.url}/{NAME}", DIGEST, tmp_path / "a").read_bytes() == BODY
    stand_in.asked.clear()
    stand_in.fail(NAME, "corrupt", times=9)
    error = refusal(f"{stand_in.url}/{NAME}", DIGEST, tmp_path / "b")
    assert DIGEST in (error.why or "")
    assert starts(stand_in) == [0, 0]
    assert left_of(tmp_path / "b") == []


def test_a_cached_file_that_was_damaged_comes_again(stand_in: StandIn, tmp_path: Path) -> None:
    path = fetch_file(f"{stand_in.url}/{NAME}", DIGEST, tmp_path)
    path.write_bytes(b"oops")
    assert fetch_file(f"{stand_in.url}/{NAME}", DIGEST, tmp_path).read_bytes() == BODY


def test_a_web_page_instead_of_the_file_is_said(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.pages["page.html"] = b"<html>please log in</html>"
    error = refusal(f"{stand_in.url}/page.html", DIGEST, tmp_path)
    assert "web page" in (error.why or "")


@pytest.mark.parametrize("digest", [DIGEST, None])
def test_the_server_says_no(stand_in: StandIn, tmp_path: Path, digest: str | None) -> None:
    error = refusal(f"{stand_in.url}/nothing.json", digest, tmp_path)
    assert left_of(tmp_path) == []
    assert "HTTP 404" in (error.why or "")
    assert error.where == f"{stand_in.url}/nothing.json"


def test_a_busy_server_is_asked_again(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.fail(NAME, "status", times=2, value=503)
    assert fetch_file(f"{stand_in.url}/{NAME}", DIGEST, tmp_path).read_bytes() == BODY


def test_a_server_that_stays_away(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.fail(NAME, "cut", times=99, value=0)
    error = refusal(f"{stand_in.url}/{NAME}", DIGEST, tmp_path)
    assert "cannot be downloaded" in error.what
    assert "again" in (error.fix or "")


def test_no_connection_is_said_in_the_systems_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_PAUSE", 0.01)
    assert refusal("http://127.0.0.1:9/a.json", None, tmp_path).why == "Connection refused"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/hosts", "only http and https are followed, not file"),
        ("ftp://h/x", "only http and https are followed, not ftp"),
        ("MedQA2019.xlsx", "only http and https are followed, not nothing"),
        ("http:///x", "it names no host"),
        ("http://[::1/x", "Invalid IPv6 URL"),
    ],
)
def test_only_the_web(url: str, why: str, tmp_path: Path) -> None:
    assert refusal(url, None, tmp_path).why == why


def test_a_kept_file_that_may_not_be_read(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = fetch_file(f"{stand_in.url}/{NAME}", DIGEST, tmp_path)

    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files, "digest_of", refuse)
    error = refusal(f"{stand_in.url}/{NAME}", DIGEST, tmp_path)
    assert error.why == f"Permission denied: {kept}"


@pytest.mark.parametrize("target", ["file:///etc/hosts", "ftp://127.0.0.1/x"])
def test_a_redirect_cannot_leave_the_web(stand_in: StandIn, tmp_path: Path, target: str) -> None:
    stand_in.redirects["moved.json"] = target
    refusal(f"{stand_in.url}/moved.json", None, tmp_path)
    assert [each for each in tmp_path.rglob("*.json") if each.is_file()] == []


def test_a_redirect_inside_the_web_is_followed(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.redirects["moved.xlsx"] = f"{stand_in.url}/{NAME}"
    path = fetch_file(f"{stand_in.url}/moved.xlsx", DIGEST, tmp_path)
    assert (path.name, path.read_bytes()) == ("moved.xlsx", BODY)


@pytest.mark.parametrize(
    ("last", "name"),
    [("a%2F..%2Fb.json", "b.json"), ("..", "download"), ("", "download"), ("x y.csv", "x_y.csv")],
)
def test_a_name_from_outside_cannot_leave_the_folder(
    stand_in: StandIn, tmp_path: Path, last: str, name: str
) -> None:
    from orchestrator.hub.files import _name

    assert _name(f"{stand_in.url}/folder/{last}") == name


def test_too_little_disk_is_said_first(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.fail(NAME, "huge", value=10**15)
    error = refusal(f"{stand_in.url}/{NAME}", DIGEST, tmp_path)
    assert "Not enough disk space" in error.what
    assert "1,000,000,000,000,000 bytes" in (error.why or "")


def test_a_cache_that_cannot_be_written(stand_in: StandIn, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    error = refusal(f"{stand_in.url}/{NAME}", DIGEST, tmp_path / "file")
    assert "cannot be written" in error.what
    assert str(tmp_path / "file") in str(error)


def test_secrets_of_an_address_work_and_are_not_shown(stand_in: StandIn, tmp_path: Path) -> None:
    host = stand_in.url.removeprefix("http://")
    stand_in.pages["locked.json"] = b"[]"
    stand_in.locked["locked.json"] = ("me", "pass-4471")
    good = fetch_file(f"http://me:pass-4471@{host}/locked.json?token=abc123", None, tmp_path)
    assert good.read_bytes() == b"[]"
    assert stand_in.bodies("locked.json")[0].query == {"token": "abc123"}
    for address in (f"me:wrong-8823@{host}/locked.json?token=abc123", "127.0.0.1:9/a?token=abc123"):
        error = refusal(f"http://{address}", None, tmp_path)
        assert not {"wrong-8823", "abc123"} & set(str(error).replace("=", " ").split())
        assert "wrong-8823" not in str(error)
        assert "abc123" not in str(error)


def test_an_address_that_was_stored_without_its_secret_is_said(tmp_path: Path) -> None:
    error = refusal(f"http://{HIDDEN}@127.0.0.1:9/a.json", None, tmp_path)
    assert error.exit_code == 2
    assert "--set data.sources.0.url=URL" in (error.fix or "")


@pytest.mark.parametrize("digest", [DIGEST, None])
@pytest.mark.parametrize(
    "broken", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device", "part")]
)
def test_only_a_part_that_can_be_gone_on_from_stays(
    stand_in: StandIn, tmp_path: Path, digest: str | None, broken: BaseException
) -> None:
    def stop(_done: int, _total: int, _name: str) -> None:
        raise broken

    with pytest.raises((KeyboardInterrupt, RecipeError)):
        fetch_file(f"{stand_in.url}/{NAME}", digest, tmp_path, progress=stop)
    assert left_of(tmp_path) == ([f".{NAME}.part"] if digest else [])
    assert fetch_file(f"{stand_in.url}/{NAME}", digest, tmp_path).read_bytes() == BODY
    assert left_of(tmp_path) == [NAME]


def test_two_at_once_fetch_it_once(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.fail(NAME, "slow")
    found: list[Path] = []

    def fetch() -> None:
        found.append(fetch_file(f"{stand_in.url}/{NAME}", DIGEST, tmp_path))

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=240)
    assert len(found) == 4
    assert len(set(found)) == 1
    assert found[0].read_bytes() == BODY
    assert starts(stand_in) == [0]
