"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from data_tools.errors import DataError

SYNC = True
"""Wait until the bytes are on the disk? Off in workers, whose files are temporary."""


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that takes its place only when the block ends well; `.gz` is compressed."""
    with atomic_together([path]) as files:
        yield files[0]


@contextlib.contextmanager
def atomic_together(paths: list[str | os.PathLike[str]]) -> Iterator[list[BinaryIO]]:
    """Several such files: all are complete on disk before the first takes its place."""
    parts = [_Part(Path(path)) for path in paths]
    try:
        yield [part.open() for part in parts]
        for part in parts:
            part.finish()
        for part in parts:
            part.place()
    except OSError as error:
        where = ", ".join(str(path) for path in paths)
        raise DataError("The file cannot be written", where, str(error.strerror)) from error
    finally:
        for part in parts:
            part.discard()


class _Part:
    """A file in the making."""

    def __init__(self, target: Path) -> None:
        self.target = target.resolve() if target.is_symlink() else target
        self._temporary: Path | None = None
        self._raw: Any = None
        self._file: Any = None

    def open(self) -> BinaryIO:
        self.target.parent.mkdir(parents=True, exist_ok=True)
        folder, name = self.target.parent, self.target.name
        number, path = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=folder)
        self._temporary = Path(path)
        self._raw = self._file = os.fdopen(number, "wb", buffering=1 << 20)
        if name.endswith(".gz"):
            self._file = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0)
        return cast(BinaryIO, self._file)

    def finish(self) -> None:
        if self._file is not self._raw:
            self._file.close()
        self._raw.flush()
        if SYNC:
            os.fsync(self._raw.fileno())
        self._raw.close()

    def place(self) -> None:
        if self._temporary is None:
            return
        exists = self.target.exists()
        mode = self.target.stat().st_mode & 0o777 if exists else 0o666 & ~_umask()
        self._temporary.chmod(mode)
        self._temporary.replace(self.target)
        self._temporary = None

    def discard(self) -> None:
        """Nothing stays behind, whatever happened."""
        with contextlib.suppress(OSError, ValueError):
            if self._raw is not None and not self._raw.closed:
                self._raw.close()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
