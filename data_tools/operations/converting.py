"""`convert`: files of one format to a file of another, with a row account."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from data_tools.account import Account
from data_tools.containers.opened import ReadOptions
from data_tools.containers.reading import Paths
from data_tools.operations.pipeline import Input, Pipeline, run

READING = frozenset(field.name for field in fields(ReadOptions))


def convert(
    src: Paths,
    dst: str | os.PathLike[str],
    *,
    to: str = "conversation",
    steps: Mapping[str, Any] | None = None,
    account: Account | None = None,
    **options: Any,
) -> Account:
    """Convert a file, a folder, a pattern or a list of these into one file.

    Rows that cannot be used are set aside, with file, place, reason and the row.

    Args:
        steps: operations on the way, in order, as in a recipe; see `apply_steps`.
        options: fields of `ReadOptions` (how files are read) and of `Pipeline` (how they are
            written, and what happens to rows that cannot be used).

    Returns:
        the row account; it adds up.
    Raises:
        DataError: nothing was written; an earlier `dst` is as it was.
    """
    reading = ReadOptions(**{key: options.pop(key) for key in READING & options.keys()})
    source = Input(files=src, reading=reading, steps=steps or {})
    return run(Pipeline(inputs=[source], outputs=[dst], to=to, **options), account).account
