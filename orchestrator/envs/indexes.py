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
    from collections.abc import Iterable, Mapping

_TRUE = ("1", "true", "yes", "on", "t", "y")
_INDEX = re.compile(r"^\s*(\[\[(pip\.)?index\]\]|(extra-)?index(-url)?\s*=)", re.MULTILINE)


def environ(base: Mapping[str, str]) -> dict[str, str]:
    """``base`` with pip's settings added as uv's. A new dict."""
    env = dict(base)
    pip = pip_settings(base)
    if "timeout" not in pip and "default-timeout" in pip:
        pip["timeout"] = pip["default-timeout"]
    indexes_told = _uv_names_an_index(base)
    for option, (variable, *others) in _VARIABLES.items():
        value = pip.get(option)
        told = any(name in base for name in (variable, *others))
        if value and not told and not (indexes_told and option.endswith("index-url")):
            env[variable] = _converted(option, value)
    if env.get("UV_INDEX") != base.get("UV_INDEX"):
        # pip takes the best version of all its indexes; uv would stop at the first.
        env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return env


#: pip's option: uv's variable, and others by which uv was told already.
_VARIABLES = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "cert": ("SSL_CERT_FILE", "SSL_CERT_DIR"),
    "client-cert": ("SSL_CLIENT_CERT",),
    "timeout": ("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT"),
    "proxy": ("ALL_PROXY", "HTTPS_PROXY", "https_proxy", "all_proxy"),
}


def _converted(option: str, value: str) -> str:
    """pip's value as uv takes it; relative paths are made absolute, for uv runs elsewhere."""
    if option.endswith("cert"):
        return _absolute(value.strip())
    words = value.split()
    if option == "find-links":
        return ",".join(word if "://" in word else _absolute(word) for word in words)
    return " ".join(words)


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def flags(base: Mapping[str, str]) -> list[str]:
    """What of pip's settings uv takes as an option only."""
    return ["--no-index"] if pip_settings(base).get("no-index", "").lower() in _TRUE else []


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
    settings: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            settings.update({k.replace("_", "-"): v for k, v in parser.items(section) if v})
    return settings


def _uv_names_an_index(base: Mapping[str, str]) -> bool:
    """Whether one of uv's own files does."""
    home = Path(base.get("HOME") or "~").expanduser()
    config = Path(base.get("XDG_CONFIG_HOME") or home / ".config")
    own = base.get("UV_CONFIG_FILE")
    files = [Path(own)] if own else [config / "uv" / "uv.toml", Path("/etc/uv/uv.toml")]
    readable = (path for path in files if path.is_file() and os.access(path, os.R_OK))
    return any(_INDEX.search(path.read_text("utf-8", "replace")) for path in readable)
