"""Using the two hubs' own clients quietly: no bars, no log lines, no secret in a message."""

from __future__ import annotations

import contextlib
import errno
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping

from orchestrator.base.errors import RecipeError

_SECRETS = ("MODELSCOPE_API_TOKEN", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_NETWORK_WORDS = (
    "Connection refused",
    "Name or service not known",
    "Temporary failure in name resolution",
    "No address associated with hostname",
    "Network is unreachable",
    "No route to host",
    "Cannot connect to proxy",
    "certificate verify failed",
    "timed out",
)
_REACH = 10.0  # seconds
_LOGGERS = ("modelscope", "modelscope_hub", "huggingface_hub")
_TURNED_OFF: Mapping[str, str] = {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


@contextlib.contextmanager
def quiet(*modules: str) -> Iterator[None]:
    """Import a client's modules and silence its own bars, log lines and warnings meanwhile.

    This program reports progress and errors itself. tqdm reads TQDM_DISABLE once, when it is first
    imported, so the clients are imported in here; the environment is put back for the programs
    that are started later.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _environment(_TURNED_OFF):
            for name in modules:
                _load(name)
        levels = {name: logging.getLogger(name).level for name in _LOGGERS}
        _mute(dict.fromkeys(_LOGGERS, logging.CRITICAL + 1))
        try:
            yield
        finally:
            _mute(levels)


@contextlib.contextmanager
def _environment(added: Mapping[str, str]) -> Iterator[None]:
    """The variables that are not set already, set for a while."""
    new = {name: value for name, value in added.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


def _load(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise RecipeError(
            f"{package} cannot be imported.",
            where=sys.executable,
            why=said(error),
            fix=f"install it beside recipe: pip install -U {package}",
        ) from error


def _mute(levels: Mapping[str, int]) -> None:
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def said(error: BaseException) -> str:
    """The first line of a client's error, without secrets and signed addresses."""
    first = (str(error).strip().splitlines() or [""])[0][:300]
    text = f"{type(error).__name__}: {first}" if first else type(error).__name__
    for name in _SECRETS:
        value = os.environ.get(name)
        if value:
            text = text.replace(value, "***")
    return text


def plainly(error: BaseException) -> str:
    """The system's own words for a failed connection, which clients bury under their own."""
    told = " ".join(str(each) for each in chain(error))
    found = next((words for words in _NETWORK_WORDS if words in told), None)
    timed_out = any(isinstance(each, TimeoutError) for each in chain(error))
    return found or ("no answer in time" if timed_out else said(error))


def reach(url: str) -> None:
    """Open and close one connection, so that a missing network is told at once.

    The clients try for some 15 seconds and then say only that time was up. Behind a proxy there is
    nothing to try. Raises OSError.
    """
    import socket
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    host = parts.hostname or ""
    proxied = parts.scheme in getproxies() or "all" in getproxies()
    if proxied and not proxy_bypass(host):
        return
    port = parts.port or (80 if parts.scheme == "http" else 443)
    socket.create_connection((host, port), timeout=_REACH).close()


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def is_full_disk(error: BaseException) -> bool:
    codes = (errno.ENOSPC, errno.EDQUOT)
    return any(isinstance(each, OSError) and each.errno in codes for each in chain(error))


def local_fault(error: BaseException) -> str | None:
    """What this machine's own files refused, in words; None when that is not the trouble."""
    for each in chain(error):
        if isinstance(each, OSError) and each.filename is not None and each.strerror:
            return f"{each.strerror}: {each.filename}"
    return None


def literal(path: str) -> str:
    """A glob that matches only this path."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)
