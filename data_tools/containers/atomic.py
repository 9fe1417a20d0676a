"""The project's one way to write files: they appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, cast

from data_tools.errors import DataError


class CannotWrite(DataError):
    """A file cannot be written; what stood there before is unchanged."""


class Terminated(SystemExit):
    """SIGTERM or SIGHUP came while a file was being written; unfinished files are removed."""


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str], *, executable: bool = False) -> Iterator[BinaryIO]:
    """A binary file that takes its place only when the block ends well; `.gz` is compressed.

    Raises:
        CannotWrite: no permission, no space, or the path is no regular file.
    """
    with atomic_together([path], executable=executable) as files:
        yield files[0]


@contextlib.contextmanager
def atomic_together(
    paths: list[str | os.PathLike[str]], *, executable: bool = False
) -> Iterator[list[BinaryIO]]:
    """Several such files: all are complete on disk before the first takes its place."""
    parts = [Part(Path(path)) for path in paths]
    with terminable():
        try:
            files = [part.open() for part in parts]
            with _write_errors(parts):
                yield files
            for part in parts:
                part.finish()
            for part in parts:
                part.place(executable=executable)
        finally:
            for part in parts:
                part.discard()


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """In this block SIGTERM and SIGHUP raise `Terminated`, so that nothing half-written stays.

    Only where they would end the process at once: a program's own handlers are left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    every = (signal.SIGTERM, signal.SIGHUP)
    numbers = [number for number in every if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, _terminate)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise Terminated(128 + number)


@contextlib.contextmanager
def _write_errors(parts: list[Part]) -> Iterator[None]:
    """What the system says against writing these files, as CannotWrite.

    An OSError that names a file is about that file: it is not ours.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise _cannot(", ".join(str(part.target) for part in parts), error) from error


def _cannot(where: str, error: OSError) -> CannotWrite:
    fix = "check the free space and the permissions of that folder; what was there is unchanged"
    return CannotWrite("The file cannot be written", where, error.strerror or str(error), fix)


class Part:
    """A file in the making: `open`, then `finish` and `place`; `discard` whatever happens."""

    def __init__(self, target: Path) -> None:
        self.target = target.resolve() if target.is_symlink() else target
        # Short, because a name of 255 bytes leaves no room; random, because processes, hosts
        # and threads may write the same file at once.
        name = f".{self.target.name[:40]}.{os.urandom(4).hex()}.part"
        self._temporary = self.target.with_name(name)
        self._placed = False
        self._raw: Any = None
        self._file: Any = None

    def open(self) -> BinaryIO:
        """Make the file. Raises CannotWrite."""
        with self._errors():
            self._refuse_special()
            self.target.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            number = os.open(self._temporary, flags, 0o666)
        self._raw = self._file = os.fdopen(number, "wb", buffering=1 << 20)
        if self.target.name.endswith(".gz"):
            import gzip

            self._file = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0)
        return cast(BinaryIO, self._file)

    @property
    def opened(self) -> bool:
        """Has it been begun?"""
        return self._raw is not None

    def write(self, data: bytes) -> None:
        """Write, opened or not. Raises CannotWrite."""
        file = self._file or self.open()
        with self._errors():
            file.write(data)

    def finish(self) -> None:
        """Everything to the disk. Raises CannotWrite."""
        with self._errors():
            if self._raw.closed:
                return
            if self._file is not self._raw:
                self._file.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
            self._raw.close()

    def place(self, *, executable: bool = False) -> None:
        """Rename it. It has the mode of the file it replaces, or a new file's; plus execution."""
        with self._errors():
            old = self.target if self.target.exists() else self._temporary
            mode = stat.S_IMODE(old.stat().st_mode)
            self._temporary.chmod(mode | ((mode & 0o444) >> 2 if executable else 0))
            self._temporary.replace(self.target)
            self._placed = True

    def discard(self) -> None:
        """Nothing stays behind, whatever happened."""
        if self._placed:
            return
        if self._raw is not None and not self._raw.closed:
            with contextlib.suppress(OSError, ValueError):
                self._raw.close()
            if self._file is not self._raw:
                self._file.fileobj = None  # or it would write its end into a closed file
        with contextlib.suppress(OSError):
            self._temporary.unlink()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _cannot(str(self.target), error) from error

    def _refuse_special(self) -> None:
        if self.target.exists() and not self.target.is_file():
            kind = "a folder" if self.target.is_dir() else "a device or a pipe"
            fix = "name a file in it" if self.target.is_dir() else "write - for standard output"
            raise CannotWrite("The file cannot be written", str(self.target), f"it is {kind}", fix)
