"""One data file from a web address, checked against its digest and kept in a cache folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.files import sha256 as digest_of
from orchestrator.base.lock import locked
from orchestrator.base.secrets import HIDDEN, redacted
from orchestrator.hub.remote import Progress


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
    _must_be_web(url)
    final = into / _key(url, sha256) / _name(url)
    if not _holds(final, sha256):
        with locked(final.with_name(".lock")):
            if not _holds(final, sha256):
                from orchestrator.hub.web import bring  # requests costs start-up time

                bring(url, sha256, final, progress)
    return final


def _must_be_web(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RecipeError(
            "This address cannot be fetched.",
            where=redacted(url),
            why=f"only http and https are followed, not {parts.scheme or 'nothing'}",
            fix="give an http(s) address, or fetch the file yourself and give its path",
        )
    if HIDDEN in url:
        raise UsageError(
            "This address has lost its password or token.",
            where=url,
            why=f"secrets are stored as {HIDDEN}, so a stored recipe does not hold them",
            fix="give the whole address again: --set data.sources.0.url=URL",
        )


def _key(url: str, sha256: str | None) -> str:
    return sha256 or "url-" + hashlib.sha256(url.encode()).hexdigest()[:16]


def _name(url: str) -> str:
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    return re.sub(r"[^\w.\-]+", "_", last).lstrip(".")[-100:] or "download"


def _holds(path: Path, sha256: str | None) -> bool:
    return path.is_file() and (sha256 is None or digest_of(path) == sha256)
