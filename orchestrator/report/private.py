"""What leaves this machine with a page: no secret, and no place on a disk beyond its last name.

The rules look at the text alone and never at this machine, so that a page recomputed elsewhere is
the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.base.secrets import redacted, without_secrets

#: 'an /absolute path/in quotes', file:///an/address, /an/absolute/path, ~/a/path.
_QUOTED = re.compile(r"(['\"])((?:~|file:/)?/[^'\"\n]+)\1")
_ADDRESS = re.compile(r"file://([^\s'\"]+)")
_PLACE = re.compile(r"(?<![\w./<*~…$}-])(?!//)~?/(?:[^\s/:;,'\"()<>|]+/?)+")
_HOME = re.compile(r"/(?:root|(?:home|Users)/[^/]+)/?")


def shareable(text: str) -> str:
    """``text`` without secrets, and with every absolute path cut down to its last name."""
    text = _QUOTED.sub(lambda found: f"{found[1]}{_cut_down(found[2])}{found[1]}", redacted(text))
    text = _ADDRESS.sub(lambda found: _cut_down(found[1]), text)
    return _PLACE.sub(lambda found: _cut_down(found[0]), text)


def _cut_down(path: str) -> str:
    """``…/last``; ``~`` for somebody's home, whose last name is theirs; ``/one`` stays."""
    if _HOME.fullmatch(path):
        return "~"
    parts = path.removeprefix("file:/").rstrip("/").split("/")
    return f"…/{parts[-1]}" if len(parts) > 2 or path.startswith("~") else path


def shareable_values(value: Any) -> Any:
    """JSON values with :func:`shareable` applied to every text, keys included."""
    return _cut(without_secrets(value))


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        # A path may have spaces, which no rule for running text could know.
        is_path = value.startswith(("/", "~/")) and "\n" not in value
        return _cut_down(value) if is_path else shareable(value)
    if isinstance(value, Mapping):
        return {_cut(str(key)): _cut(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(inner) for inner in value]
    return value
