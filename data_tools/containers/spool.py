"""A temporary file of texts that can be read back in any order, so that memory stays flat."""

from __future__ import annotations

import contextlib
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from data_tools.errors import DataError


class Spool:
    """Texts on disk beside the file that will be written; gone when it is closed."""

    def __init__(self, folder: Path | None = None) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        try:
            self._file = tempfile.TemporaryFile(prefix=".spool.", dir=folder, buffering=1 << 20)  # noqa: SIM115
        except OSError as error:
            raise DataError("The folder cannot be written", str(folder), str(error)) from error
        self._ends = array("Q")
        self._size = 0

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
        return len(self._ends)

    def add(self, text: bytes) -> None:
        """Put one text at the end."""
        try:
            self._file.write(text)
        except OSError as error:
            raise DataError("The disk is full", "a temporary file", str(error)) from error
        self._size += len(text)
        self._ends.append(self._size)

    def __iter__(self) -> Iterator[bytes]:
        return self.pick(range(len(self)))

    def pick(self, order: Iterable[int]) -> Iterator[bytes]:
        """The texts with these numbers, in this order."""
        self._file.flush()
        position = -1
        for index in order:
            start = self._ends[index - 1] if index else 0
            if start != position:
                self._file.seek(start)
            yield self._file.read(self._ends[index] - start)
            position = self._ends[index]

    def close(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self._file.close()
