"""pip's index settings, said in uv's words: uv reads neither PIP_* nor pip.conf.

What the user told uv itself (UV_* variables, or an index in a uv.toml) always wins. No package
host is named here, and no address is ever printed: it may hold a password.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def redact(text: str) -> str:
    """``text`` without the user names and passwords of addresses in it."""
    return _CREDENTIALS.sub("***@", text)


def environ(base: Mapping[str, str]) -> dict[str, str]:
    """``base`` with pip's settings added as uv's. A new dict."""
    env = dict(base)
    pip = pip_settings(base)
    indexes_told = _uv_names_an_index(base)
    for option, told, variable, convert in _TRANSLATIONS:
        value = pip.get(option)
        taken = any(name in base for name in told)
        if value and not taken and not (indexes_told and option.endswith("index-url")):
            env[variable] = convert(value)
            if option == "extra-index-url":
                # pip takes the best version of all its indexes; uv would stop at the first.
                env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return env


def flags(base: Mapping[str, str]) -> list[str]:
    """What of pip's settings uv takes as an option only."""
    return ["--no-index"] if _true(pip_settings(base).get("no-index", "")) else []


def pip_settings(base: Mapping[str, str]) -> dict[str, str]:
    """pip's options by their long names, from its files and then from PIP_* variables.

    The order is pip's: every user's file, the user's, the environment's, PIP_CONFIG_FILE's, the
    variables; in a file ``[install]`` wins over ``[global]``.
    """
    settings: dict[str, str] = {}
    for path in _pip_files(base):
        settings.update(_read_pip_file(path))
    for name, value in base.items():
        if name.startswith("PIP_") and value:
            settings[name[4:].lower().replace("_", "-")] = value
    return settings


def _pip_files(base: Mapping[str, str]) -> Iterable[Path]:
    own = base.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return []
    home = Path(base.get("HOME") or "~").expanduser()
    config = Path(base.get("XDG_CONFIG_HOME") or home / ".config")
    shared = [Path(part) for part in base.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if part]
    files = [folder / "pip" / "pip.conf" for folder in shared]
    files += [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", config / "pip" / "pip.conf"]
    files.append(Path(sys.prefix) / "pip.conf")
    return [*files, Path(own)] if own else files


def _read_pip_file(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return {}  # pip itself says what is wrong with its file; uv can go on without it
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            found.update({k.replace("_", "-"): v for k, v in parser.items(section) if v})
    return found


def _uv_names_an_index(base: Mapping[str, str]) -> bool:
    home = Path(base.get("HOME") or "~").expanduser()
    config = Path(base.get("XDG_CONFIG_HOME") or home / ".config")
    own = base.get("UV_CONFIG_FILE")
    files = [Path(own)] if own else [config / "uv" / "uv.toml", Path("/etc/uv/uv.toml")]
    return any(_mentions_index(path) for path in files)


def _mentions_index(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return (
        re.search(r"^\s*(\[\[(pip\.)?index\]\]|(extra-)?index(-url)?\s*=)", text, re.M) is not None
    )


def _true(value: str) -> bool:
    return value.strip().lower() in ("1", "true", "yes", "on", "t", "y")


def _words(value: str) -> str:
    return " ".join(value.split())


def _links(value: str) -> str:
    return ",".join(_absolute(part) for part in value.split())


def _absolute(place: str) -> str:
    """A folder relative to here, made absolute: uv is started in another folder."""
    return place if "://" in place else str(Path(place).expanduser().absolute())


def _path(value: str) -> str:
    return str(Path(value).expanduser().absolute())


def _same(value: str) -> str:
    return value.strip()


#: pip's option, the variables that say it is already told to uv, the one to set, and how.
_TRANSLATIONS: tuple[tuple[str, tuple[str, ...], str, Callable[[str], str]], ...] = (
    ("index-url", ("UV_DEFAULT_INDEX", "UV_INDEX_URL"), "UV_DEFAULT_INDEX", _same),
    ("extra-index-url", ("UV_INDEX", "UV_EXTRA_INDEX_URL"), "UV_INDEX", _words),
    ("find-links", ("UV_FIND_LINKS",), "UV_FIND_LINKS", _links),
    ("trusted-host", ("UV_INSECURE_HOST",), "UV_INSECURE_HOST", _words),
    ("cert", ("SSL_CERT_FILE", "SSL_CERT_DIR"), "SSL_CERT_FILE", _path),
    ("client-cert", ("SSL_CLIENT_CERT",), "SSL_CLIENT_CERT", _path),
    (
        "timeout",
        ("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT"),
        "UV_HTTP_TIMEOUT",
        _same,
    ),
    (
        "default-timeout",
        ("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT"),
        "UV_HTTP_TIMEOUT",
        _same,
    ),
    ("proxy", ("ALL_PROXY", "HTTPS_PROXY", "https_proxy", "all_proxy"), "ALL_PROXY", _same),
)
