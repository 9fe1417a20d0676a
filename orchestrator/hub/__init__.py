"""Models and data files from outside: ModelScope, Hugging Face, a web address, a local folder.

Importing this package loads no client, and none of its own modules before a name of theirs is
asked for: a homework pack needs one line of text from here, and no download.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.hub.commands import download_command
    from orchestrator.hub.fetch import fetch_model, local_model
    from orchestrator.hub.files import fetch_file
    from orchestrator.hub.folder import ModelFolder, check_folder

__all__ = [
    "ModelFolder",
    "check_folder",
    "download_command",
    "fetch_file",
    "fetch_model",
    "local_model",
]

_WHERE = {
    "download_command": "commands",
    "fetch_model": "fetch",
    "local_model": "fetch",
    "fetch_file": "files",
    "ModelFolder": "folder",
    "check_folder": "folder",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
