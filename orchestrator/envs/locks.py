"""What a release installs: the pins of its lock, its checkouts, and the digest of both."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.language import say

if TYPE_CHECKING:
    from orchestrator.envs.release import Release

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;#]+)")
_BACKEND = re.compile(r"[a-z0-9]+(\.[0-9]+)*")
#: Pinned beside the default torch build, exactly as it asks; another build asks for others.
_BOUND_TO_TORCH_BUILD = re.compile(r"^(nvidia-|triton==|pytorch-triton)")


@dataclass(frozen=True)
class Lock:
    """A lock's text as uv reads it, for one torch backend (None: the build that is locked)."""

    release: Release
    text: str
    backend: str | None = None

    @property
    def digest(self) -> str:
        """sha256, in hex, of what is installed: pins without comments, backend, checkouts."""
        lines = (line.strip() for line in self.text.splitlines())
        parts = [line for line in lines if line and not line.startswith("#")]
        parts.append(f"torch backend: {self.backend}")
        parts += [f"{one.name} {one.commit} {one.folder}" for one in self.release.checkouts]
        return digest_of("\n".join(parts))

    @property
    def key(self) -> str:
        """The folder's name: another lock or another torch backend is another environment."""
        suffix = f"-{self.backend}" if self.backend else ""
        return f"{self.release.engine}-{self.release.version}-{self.digest[:10]}{suffix}"

    @property
    def constraints(self) -> Path | None:
        """Versions of the tools that build the few packages published as source only."""
        path = self.release.lock.with_name("build-constraints.txt")
        return path if path.is_file() else None

    def requirements(self) -> str:
        """What to install. With a backend, uv picks the libraries that its torch build needs."""
        if self.backend is None:
            return self.text
        lines = self.text.splitlines(keepends=True)
        return "".join(line for line in lines if not _BOUND_TO_TORCH_BUILD.match(line))

    def pins(self) -> dict[str, str]:
        """name -> version, names in lower case with dashes."""
        matches = (_PIN.match(line) for line in self.text.splitlines())
        return {normalise(match[1]): match[2] for match in matches if match}


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
            say(f"There is no torch backend {backend!r}.", f"没有 torch 后端 {backend!r}。"),
            where=say("--torch-backend or UV_TORCH_BACKEND", "--torch-backend 或 UV_TORCH_BACKEND"),
            fix=say(
                "use a name that uv knows: cpu, cu124, auto …",
                "请用 uv 认识的名称：cpu、cu124、auto……",
            ),
        )
    try:
        return Lock(release, release.lock.read_text(encoding="utf-8"), backend)
    except OSError as error:
        raise RecipeError(
            say(f"There is no lock for {release.name}.", f"{release.name} 没有锁文件。"),
            where=str(release.lock),
            why=error.strerror,
            fix=say(
                f"make it: recipe env lock {release.name}",
                f"请生成它：recipe env lock {release.name}",
            ),
        ) from error
