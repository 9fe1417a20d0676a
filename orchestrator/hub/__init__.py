"""Models and data files from outside: ModelScope, Hugging Face, a web address, a local folder.

The hubs' own clients do the transfer, in a process of their own (docs/decisions/model-download.md).
Importing this package loads none of them.
"""

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
