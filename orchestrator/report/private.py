"""What leaves this machine with a page: no secret, and no place on a disk beyond its last name.

The rules look at the text alone and never at this machine, so that a page recomputed elsewhere is
the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.base.secrets import redacted, without_secrets

_LAST = r"([^/'\"\n]*)"
#: 'an /absolute path/in quotes', file:///an/address, /an/absolute/path, ~/a/path.
_QUOTED = re.compile(rf"(['\"])(?:~|file:/)?/(?:[^/'\"\n]+/)*{_LAST}\1")
_ADDRESS = re.compile(r"file://(?:[^\s/'\"]*/)*([^\s/'\"]*)")
_PLACE = re.compile(r"(?<![\w./<*~…$}-])(?!//)~?/(?:[^\s/:;,'\"()<>|]+/)+([^\s/:;,'\"()<>|]*)")
_HOME = re.compile(r"(?<![\w./…~-])/(?:root|home|Users)\b(?![\w/])|/(?:home|Users)/[^\s/:'\"]+")


def shareable(text: str) -> str:
    """``text`` without secrets, and with every absolute path cut down to its last name."""
    text = _QUOTED.sub(lambda found: f"{found[1]}…/{found[2]}{found[1]}", redacted(text))
    text = _ADDRESS.sub(r"…/\1", text)
    text = _PLACE.sub(r"…/\1", text)
    return _HOME.sub("~", text)


def shareable_values(value: Any) -> Any:
    """JSON values with :func:`shareable` applied to every text, keys included."""
    return _cut(without_secrets(value))


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        whole_path = value.startswith(("/", "~/")) and "\n" not in value and "/" in value[1:]
        # A path may have spaces, which no rule for running text could know.
        return f"…/{value.rpartition('/')[2]}" if whole_path else shareable(value)
    if isinstance(value, Mapping):
        return {_cut(str(key)): _cut(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(inner) for inner in value]
    return value
