"""Engine releases on this machine: one virtual environment each, made by uv from a lock.

>>> environment = ensure(release)            # installs on first use
>>> run([environment.which("xtuner"), ...], env=environment.environ(os.environ))

Importing this package costs nothing; its functions are loaded when they are first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.envs.diagnosis import Finding, doctor
    from orchestrator.envs.environment import Environment
    from orchestrator.envs.install import ensure
    from orchestrator.envs.inventory import Installed, find, installed, remove

__all__ = ["Environment", "Finding", "Installed", "doctor", "ensure", "find", "installed", "remove"]

_HOMES = {
    "environment": ("Environment",),
    "install": ("ensure",),
    "inventory": ("Installed", "find", "installed", "remove"),
    "diagnosis": ("Finding", "doctor"),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
