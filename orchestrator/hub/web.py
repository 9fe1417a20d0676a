"""The transfer behind :func:`orchestrator.hub.fetch_file`: ranges, retries, an atomic end."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from orchestrator.base.errors import RecipeError
from orchestrator.hub.clients import is_full_disk
from orchestrator.hub.files import digest_of, shown
from orchestrator.hub.remote import Progress

_BLOCK = 1 << 20
_TRIES = 4  # in a row, without a single new byte
_PAUSE = 0.2
_TIMEOUT = 60
_AGAIN = "run the same command again: it goes on from what is already there"
_OWN = "fetch it yourself and give its path in the recipe"
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _OnlyWeb(urllib.request.HTTPRedirectHandler):
    """Follow redirects to http and https only (urllib itself would also go to ftp)."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, url: str
    ) -> Any:
        if not url.startswith(("http://", "https://")):
            raise urllib.error.HTTPError(
                shown(url), code, "redirect away from the web", headers, fp
            )
        return super().redirect_request(req, fp, code, msg, headers, url)


class _Cut(Exception):
    """The body ended early, or the connection broke: go on from what is there."""


@dataclass
class Download:
    """One file on its way to ``final``; the part so far lies beside it."""

    url: str
    sha256: str | None
    final: Path
    progress: Progress | None
    validator: str | None = None
    is_page: bool = False

    @property
    def part(self) -> Path:
        return self.final.with_name(f".{self.final.name}.part")

    def run(self) -> Path:
        """Bring the file; RecipeError for everything that the web or this disk can refuse."""
        try:
            self.final.parent.mkdir(parents=True, exist_ok=True)
            return self._run()
        except OSError as error:
            raise self._local(error) from error

    def _run(self) -> Path:
        with self._locked() as part:
            if self.final.is_file() and self._right(self.final):
                return self.final
            if self.sha256 is None:
                part.truncate(0)  # without a digest nothing proves that the halves fit together
            for _ in range(2):
                self._bring(part)
                if self._right(self.part):
                    self.part.replace(self.final)
                    return self.final
                found = digest_of(self.part)
                part.truncate(0)
            self.part.unlink()
            raise self._wrong_digest(found)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """The part file, held against a second process that fetches the same file.

        While one waits for the lock, the other may have renamed or removed the part: then this is
        no longer the file beside ``final``, and a new one is opened.
        """
        while True:
            with self.part.open("ab") as part:
                fcntl.flock(part, fcntl.LOCK_EX)
                if _is_at(part, self.part):
                    yield part
                    return
            if self.final.is_file() and self._right(self.final):
                with self.final.open("rb") as done:
                    yield done
                return

    def _right(self, path: Path) -> bool:
        return self.sha256 is None or digest_of(path) == self.sha256

    def _bring(self, part: IO[bytes]) -> None:
        """Ask again until the body is whole; give up when nothing new comes."""
        idle = 0
        while True:
            before = _size(part)
            try:
                self._ask(part)
                part.flush()
                os.fsync(part.fileno())
                return
            except _Cut as error:
                idle = 0 if _size(part) > before else idle + 1
                if idle >= _TRIES:
                    raise self._broke_off(str(error)) from error
                time.sleep(_PAUSE * 2**idle)

    def _ask(self, part: IO[bytes]) -> None:
        try:
            with self._open(_size(part)) as answer:
                self._receive(part, answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and _size(part):
                self._settle_416(part, error)
            elif error.code in (408, 425, 429) or error.code >= 500:
                raise _Cut(f"HTTP {error.code} {error.reason}") from error
            else:
                raise self._refused(error) from error
        except (
            urllib.error.URLError,
            http.client.HTTPException,
            ConnectionError,
            TimeoutError,
        ) as e:
            raise _Cut(str(getattr(e, "reason", None) or e or type(e).__name__)) from e

    def _open(self, start: int) -> Any:
        request = urllib.request.Request(self.url, headers={"User-Agent": "finetune-recipe"})
        if start:
            request.add_header("Range", f"bytes={start}-")
            if self.validator:
                request.add_header("If-Range", self.validator)
        return urllib.request.build_opener(_OnlyWeb).open(request, timeout=_TIMEOUT)

    def _receive(self, part: IO[bytes], answer: Any) -> None:
        matched = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if not (answer.status == 206 and matched and int(matched[1]) == _size(part)):
            part.truncate(0)  # the whole file comes, whatever was asked for
        etag = answer.headers.get("ETag", "")
        self.validator = etag if etag.startswith('"') else answer.headers.get("Last-Modified")
        self.is_page = answer.headers.get_content_type() == "text/html"
        start = _size(part)
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length is not None else 0
        self._must_fit(total - start)
        while block := answer.read(_BLOCK):
            part.write(block)
            self._tell(part.tell(), total)
        part.flush()
        if total and _size(part) < total:
            raise _Cut(f"the connection was closed after {_size(part):,} of {total:,} bytes")

    def _settle_416(self, part: IO[bytes], error: urllib.error.HTTPError) -> None:
        """Nothing is left to send: either everything is there, or the part is of another file."""
        total = str(error.headers.get("Content-Range", "")).rpartition("/")[2]
        if total != str(_size(part)):
            part.truncate(0)
            raise _Cut("the server has another version of the file")

    def _must_fit(self, left: int) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if left > free:
            raise self._error(
                f"Not enough disk space for {self.final.name}.",
                f"{left:,} bytes are still to come and {free:,} are free",
                f"free some space in {self.part.parent}, or set RECIPE_CACHE to another disk",
            )

    def _tell(self, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(done, total, self.final.name)

    def _error(self, what: str, why: str, fix: str) -> RecipeError:
        return RecipeError(what, where=shown(self.url), why=why, fix=fix)

    def _wrong_digest(self, found: str) -> RecipeError:
        page = (
            "; the server sent a web page, so the address may need a login" if self.is_page else ""
        )
        return self._error(
            f"{self.final.name} is not the file that the recipe means.",
            f"its SHA-256 is {found} and {self.sha256} is expected, twice{page}",
            f"check the recipe's url and sha256, or {_OWN}",
        )

    def _broke_off(self, detail: str) -> RecipeError:
        return self._error(
            f"{self.final.name} cannot be downloaded.",
            detail,
            f"check the network; {_AGAIN}; or {_OWN}",
        )

    def _refused(self, error: urllib.error.HTTPError) -> RecipeError:
        why = f"the server answered HTTP {error.code} {error.reason}"
        return self._error(
            f"{self.final.name} cannot be downloaded.", why, f"check the recipe's url, or {_OWN}"
        )

    def _local(self, error: OSError) -> RecipeError:
        full = is_full_disk(error)
        what = f"{self.final.name} cannot be written" + (": the disk is full." if full else ".")
        fix = f"free some space in {self.part.parent} and {_AGAIN}"
        why = f"{error.strerror or error}: {error.filename or self.part}"
        return self._error(what, why, fix if full else "mend that folder, or set RECIPE_CACHE")


def _size(part: IO[bytes]) -> int:
    """Bytes in the file, those that are still in Python's buffer included."""
    part.flush()
    return os.fstat(part.fileno()).st_size


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
