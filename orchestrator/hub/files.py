"""One data file from a web address, checked against its digest and kept in a cache folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from orchestrator.base.errors import RecipeError
from orchestrator.hub.remote import Progress

_BLOCK = 1 << 20


def fetch_file(
    url: str, sha256: str | None, into: Path, *, progress: Progress | None = None
) -> Path:
    """The file behind ``url``, inside the folder ``into``; fetched only when it is not there.

    It is kept under its digest (or under the address, when no digest is known) with its own name.
    A cut connection goes on where it stopped, the file appears only when it is whole, and a digest
    that differs is an error after a second try. Raises RecipeError; only http and https are
    followed. ``progress`` is called with bytes done, bytes in all (0: not known) and the name.
    """
    _must_be_web(url)
    final = into / _key(url, sha256) / _name(url)
    if _holds(final, sha256):
        return final
    from orchestrator.hub.web import Download  # urllib costs start-up time

    return Download(url, sha256, final, progress).run()


def digest_of(path: Path) -> str:
    """The file's SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def shown(url: str) -> str:
    """The address without user, password and query: those may hold secrets."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _must_be_web(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.netloc:
        return
    raise RecipeError(
        "This address cannot be fetched.",
        where=shown(url),
        why=f"only http and https are followed, not {parts.scheme or 'nothing'}",
        fix="give an http(s) address, or fetch the file yourself and give its path",
    )


def _key(url: str, sha256: str | None) -> str:
    return sha256 or "url-" + hashlib.sha256(url.encode()).hexdigest()[:16]


def _name(url: str) -> str:
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    return re.sub(r"[^\w.\-]+", "_", last).lstrip(".")[-100:] or "download"


def _holds(path: Path, sha256: str | None) -> bool:
    return path.is_file() and (sha256 is None or digest_of(path) == sha256)
