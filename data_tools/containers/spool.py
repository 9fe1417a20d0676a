"""A temporary file of texts that can be read back in any order, so that memory stays flat."""

from __future__ import annotations

import contextlib
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from data_tools.errors import DataError


class Spool:
    """Texts on disk beside the file that will be written; gone when it is closed."""

    def __init__(self, folder: Path | None = None) -> None:
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(prefix=".spool.", dir=folder, buffering=1 << 20)  # noqa: SIM115
        except OSError as error:
            raise DataError("The folder cannot be written", str(folder), str(error)) from error
        self._ends = array("Q", [0])

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, text: bytes) -> None:
        """Put one text at the end."""
        with _disk_errors():
            self._file.write(text)
        self._ends.append(self._ends[-1] + len(text))

    def __iter__(self) -> Iterator[bytes]:
        return self.pick(range(len(self)))

    def pick(self, order: Iterable[int]) -> Iterator[bytes]:
        """The texts with these numbers, in this order, each read by itself: a buffered reader would
        read a whole buffer for each."""
        with _disk_errors():
            self._file.flush()
        number, ends = self._file.fileno(), self._ends
        for index in order:
            start = ends[index]
            yield os.pread(number, ends[index + 1] - start, start)

    def close(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self._file.close()


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        fix = "free some space on that disk (TMPDIR names another folder for temporary files)"
        raise DataError("A temporary file cannot be written", why=why, fix=fix) from error
