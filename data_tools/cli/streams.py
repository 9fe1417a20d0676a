"""`-`: standard input as a source, standard output as the output. Files stand in for both, because
a source is looked into before it is read, and an output appears whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

STREAM = "-"
REJECTS = "stdout.rejected.jsonl"
"""Where rejected rows go, in the working folder, when the rows go to standard output."""


@contextlib.contextmanager
def standing_in(
    sources: Sequence[str], outputs: list[str], container: str | None = None
) -> Iterator[tuple[list[Any], list[Any]]]:
    """The sources and outputs with a file in the place of each `-`."""
    if STREAM not in (*sources, *outputs):
        yield [*sources], [*outputs]
        return
    from data_tools.containers.atomic import terminable

    if list(sources).count(STREAM) > 1:
        raise click.UsageError("- stands for standard input, which can be read once only")
    if STREAM in outputs and len(outputs) > 1:
        raise click.UsageError("two files are written: - can be neither of them")
    with terminable(), tempfile.TemporaryDirectory(prefix="recipe-data-") as folder:
        given, made = Path(folder, "standard input"), Path(folder, "standard output")
        if STREAM in sources:
            with given.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        ending = {"txt": ".txt"}.get(container or "", ".jsonl")
        made = made.with_name(made.name + ending)
        yield (
            [str(given) if source == STREAM else source for source in sources],
            [str(made) if output == STREAM else output for output in outputs],
        )
        if STREAM in outputs:
            with made.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
            sys.stdout.buffer.flush()
