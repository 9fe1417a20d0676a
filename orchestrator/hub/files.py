"""One data file from a web address, checked against its digest and kept in a cache folder."""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import requests

from orchestrator.base.errors import RecipeError
from orchestrator.base.files import free_bytes
from orchestrator.base.files import sha256 as digest_of
from orchestrator.base.language import say
from orchestrator.base.lock import locked
from orchestrator.base.secrets import redacted
from orchestrator.hub.address import fetch_it_yourself, must_be_web, refused_here
from orchestrator.hub.faults import network_words
from orchestrator.hub.remote import Progress
from orchestrator.hub.words import again

_BLOCK = 1 << 16  # what is lost of a block when the connection breaks in it
_TRIES = 4  # in a row, without a single new byte
_PAUSE = 0.2  # seconds, doubled after each of them
_TIMEOUT = 60
_BUSY = (408, 425, 429)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
#: A coded body could not be gone on with in the middle.
_HEADERS = {"User-Agent": "finetune-recipe", "Accept-Encoding": "identity"}


class _Cut(Exception):
    """The connection broke, or the server was busy: go on from what is there."""


_CUTS = (
    _Cut,
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
)


def fetch_file(
    url: str, sha256: str | None, into: Path, *, progress: Progress | None = None
) -> Path:
    """The file behind ``url``, inside the folder ``into``; fetched only when it is not there.

    It is kept under its digest (or under the address, when no digest is known) with its own name.
    A cut connection goes on where it stopped, the file appears only when it is whole, and a digest
    that differs is an error after a second try. Two processes bring it once. User, password and
    query of the address are used and never shown. Raises RecipeError; only http and https are
    followed. ``progress`` is called with bytes done, bytes in all (0: not known) and the name.
    """
    must_be_web(url)
    final = into / _key(url, sha256) / _name(url)
    try:
        if not _holds(final, sha256):
            with locked(final.with_name(".lock")):
                if not _holds(final, sha256):
                    _bring(url, sha256, final, progress)
    except OSError as error:
        raise refused_here(url, final, error) from error
    return final


def _key(url: str, sha256: str | None) -> str:
    return sha256 or "url-" + hashlib.sha256(url.encode()).hexdigest()[:16]


def _name(url: str) -> str:
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    return re.sub(r"[^\w.\-]+", "_", last).lstrip(".")[-100:] or "download"


def _holds(path: Path, sha256: str | None) -> bool:
    return path.is_file() and (sha256 is None or digest_of(path) == sha256)


def _bring(url: str, sha256: str | None, final: Path, progress: Progress | None) -> None:
    """Fetch ``url`` to ``final``; RecipeError for all that the web or this disk can refuse.

    The part so far lies beside it. With a digest it is kept for the next try, which goes on from
    it; without one nothing proves that two halves fit together, and it is removed.
    """
    transfer = _Transfer(url, sha256, final, progress)
    try:
        transfer.run()
    except requests.RequestException as error:
        raise transfer.broke_off(error) from error
    finally:
        if sha256 is None or (transfer.part.exists() and not transfer.part.stat().st_size):
            transfer.part.unlink(missing_ok=True)


@dataclass
class _Transfer:
    url: str
    sha256: str | None
    final: Path
    progress: Progress | None
    validator: str | None = None
    is_page: bool = False

    @property
    def part(self) -> Path:
        return self.final.with_name(f".{self.final.name}.part")

    def run(self) -> None:
        wrong = ""
        if self.sha256 is None:
            self.part.unlink(missing_ok=True)  # of a process that was killed
        with self.part.open("ab") as part:  # appending, so that truncating needs no seek
            for _ in range(2):
                self._until_whole(part)
                wrong = digest_of(self.part) if self.sha256 else ""
                if wrong == (self.sha256 or ""):
                    self.part.replace(self.final)
                    return
                part.truncate(0)
        self.part.unlink()
        login = say(
            "; the server sent a web page, so the address may need a login",
            "；服务器返回的是网页，该地址可能需要登录",
        )
        raise self._error(
            say(
                f"{self.final.name} is not the file that the recipe means.",
                f"{self.final.name} 不是配方所指的文件。",
            ),
            say(
                f"its SHA-256 is {wrong} and {self.sha256} is expected, twice",
                f"它的 SHA-256 是 {wrong}，应为 {self.sha256}，两次都如此",
            )
            + (login if self.is_page else ""),
            say(
                f"check the recipe's url and sha256, or {fetch_it_yourself()}",
                f"检查配方中的 url 和 sha256，或{fetch_it_yourself()}",
            ),
        )

    def _until_whole(self, part: IO[bytes]) -> None:
        """Ask again until the body is whole; give up when nothing new comes."""
        idle = 0
        while True:
            before = _size(part)
            try:
                self._ask(part, before)
                part.flush()
                os.fsync(part.fileno())
                return
            except _CUTS as error:
                cut: Exception = error
            idle = 0 if _size(part) > before else idle + 1
            if idle >= _TRIES:
                raise self.broke_off(cut) from cut
            time.sleep(_PAUSE * 2**idle)

    def _ask(self, part: IO[bytes], start: int) -> None:
        headers = dict(_HEADERS)
        if start:
            headers["Range"] = f"bytes={start}-"
            if self.validator:
                headers["If-Range"] = self.validator
        with requests.get(self.url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            code = answer.status_code
            if code == 416 and start:  # nothing left to send, or the part is of another file
                if not answer.headers.get("Content-Range", "").endswith(f"/{start}"):
                    part.truncate(0)
                    raise _Cut(
                        say(
                            "the server has another version of the file",
                            "服务器上的文件是另一个版本",
                        )
                    )
            elif code in _BUSY or code >= 500:
                raise _Cut(
                    say(f"HTTP {code} {answer.reason}", f"服务器返回 HTTP {code} {answer.reason}")
                )
            elif code >= 400:
                why = say(
                    f"the server answered HTTP {code} {answer.reason}",
                    f"服务器返回 HTTP {code} {answer.reason}",
                )
                raise self._error(
                    self._cannot,
                    why,
                    say(
                        f"check the recipe's url, or {fetch_it_yourself()}",
                        f"检查配方中的 url，或{fetch_it_yourself()}",
                    ),
                )
            else:
                self._receive(part, answer)

    def _receive(self, part: IO[bytes], answer: requests.Response) -> None:
        matched = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if not (answer.status_code == 206 and matched and int(matched[1]) == _size(part)):
            part.truncate(0)  # the whole file comes, whatever was asked for
        etag = answer.headers.get("ETag", "")
        self.validator = etag if etag.startswith('"') else answer.headers.get("Last-Modified")
        self.is_page = answer.headers.get("Content-Type", "").startswith("text/html")
        length = answer.headers.get("Content-Length")
        total = _size(part) + int(length) if length else 0
        self._must_fit(total - _size(part))
        for block in answer.iter_content(_BLOCK):
            part.write(block)
            if self.progress is not None:
                self.progress(_size(part), total, self.final.name)
        if _size(part) < total:
            raise _Cut(
                say(
                    f"the connection was closed after {_size(part):,} of {total:,} bytes",
                    f"收到 {total:,} 字节中的 {_size(part):,} 字节后，连接被关闭",
                )
            )

    def _must_fit(self, left: int) -> None:
        free = free_bytes(self.part.parent)
        if left > free:
            raise self._error(
                say(
                    f"Not enough disk space for {self.final.name}.",
                    f"磁盘空间不足以保存 {self.final.name}。",
                ),
                say(
                    f"{left:,} bytes are still to come and {free:,} are free",
                    f"还需 {left:,} 字节，可用 {free:,} 字节",
                ),
                say(
                    f"free some space in {self.part.parent}, or set RECIPE_CACHE to another disk",
                    f"在 {self.part.parent} 清理出空间，或让 RECIPE_CACHE 指向另一个磁盘",
                ),
            )

    @property
    def _cannot(self) -> str:
        return say(f"{self.final.name} cannot be downloaded.", f"{self.final.name} 无法下载。")

    def _error(self, what: str, why: str, fix: str) -> RecipeError:
        return RecipeError(what, where=redacted(self.url), why=redacted(why), fix=fix)

    def broke_off(self, error: Exception) -> RecipeError:
        """The connection failed once too often, or the address leads nowhere."""
        why = network_words(error) or str(error) or type(error).__name__
        return self._error(
            self._cannot,
            why,
            say(
                f"check the network; {again()}; or {fetch_it_yourself()}",
                f"检查网络；{again()}；或{fetch_it_yourself()}",
            ),
        )


def _size(part: IO[bytes]) -> int:
    """Bytes in the file, those that are still in Python's buffer included."""
    part.flush()
    return os.fstat(part.fileno()).st_size
