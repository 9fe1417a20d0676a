"""The committed locks: what each release installs, and the text's digest."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base.errors import RecipeError, UsageError

if TYPE_CHECKING:
    from orchestrator.envs.release import Release

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;#]+)")
_BACKEND = re.compile(r"[a-z0-9]+(\.[0-9]+)*")
#: Pinned beside the default torch build, exactly as it asks; another build asks for others.
_BOUND_TO_TORCH_BUILD = re.compile(r"^(nvidia-|triton==|pytorch-triton)")


@dataclass(frozen=True)
class Lock:
    """A lock's text as uv reads it, for one torch backend (None: the build that is locked)."""

    path: Path
    text: str
    backend: str | None

    @property
    def digest(self) -> str:
        """sha256, in hex, of what is installed: the pins, without comments, and the backend."""
        lines = (line.strip() for line in self.text.splitlines())
        pins = [line for line in lines if line and not line.startswith("#")]
        return digest_of("\n".join([*pins, f"torch backend: {self.backend}"]))

    @property
    def constraints(self) -> Path | None:
        """Versions of the tools that build the few packages published as source only."""
        path = self.path.with_name("build-constraints.txt")
        return path if path.is_file() else None

    def requirements(self) -> str:
        """What to install. With a backend, uv picks the libraries that its torch build needs."""
        if self.backend is None:
            return self.text
        lines = self.text.splitlines(keepends=True)
        return "".join(line for line in lines if not _BOUND_TO_TORCH_BUILD.match(line))

    def pins(self) -> dict[str, str]:
        """name -> version, names in lower case with dashes."""
        found = (_PIN.match(line) for line in self.text.splitlines())
        return {normalise(hit[1]): hit[2] for hit in found if hit}


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def normalise(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def load(release: Release, backend: str | None = None) -> Lock:
    """The release's lock; :class:`RecipeError` when there is none.

    ``backend`` becomes a part of a folder's name, so only a word is taken; uv knows which exist.
    """
    if backend is not None and not _BACKEND.fullmatch(backend):
        raise UsageError(
            f"There is no torch backend {backend!r}.",
            where="--torch-backend or UV_TORCH_BACKEND",
            fix="use a name that uv knows: cpu, cu124, auto …",
        )
    try:
        text = release.lock.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(
            f"There is no lock for {release.name}.",
            where=str(release.lock),
            why=error.strerror,
            fix=f"make it: recipe env lock {release.name}",
        ) from error
    return Lock(release.lock, text, backend)


def key(release: Release, lock: Lock) -> str:
    """The folder's name: another lock or another torch backend is another environment."""
    suffix = f"-{lock.backend}" if lock.backend else ""
    return f"{release.engine}-{release.version}-{lock.digest[:10]}{suffix}"
