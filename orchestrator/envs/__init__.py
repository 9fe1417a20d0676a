"""Engine releases on this machine: one virtual environment each, made by uv from a committed lock.

>>> environment = ensure(release)            # installs on first use
>>> subprocess.run([environment.which("xtuner"), ...], env=environment.environ(os.environ))

Importing this package is cheap; what installs is imported by :func:`ensure` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.envs.environment import Environment
from orchestrator.envs.inventory import Installed, find, installed, remove

if TYPE_CHECKING:
    from orchestrator.envs.diagnosis import Finding, doctor
    from orchestrator.envs.install import ensure

__all__ = ["Environment", "Finding", "Installed", "doctor", "ensure", "find", "installed", "remove"]

_LAZY = {
    "ensure": "orchestrator.envs.install",
    "doctor": "orchestrator.envs.diagnosis",
    "Finding": "orchestrator.envs.diagnosis",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
