"""Rejected rows: one file an output, each row with its file, place and reason."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from data_tools.account import Account
from data_tools.containers.atomic import CannotWrite, Part, terminable
from data_tools.errors import DataError, UsageFault

ENDING = "rejected.jsonl"
FAILED = "rejected.failed.jsonl"
AnyPath = str | os.PathLike[str]


def rejects_for(output: AnyPath) -> Path:
    """Where the rejected rows of an output go: `train.jsonl` → `train.jsonl.rejected.jsonl`."""
    path = Path(output)
    return path.with_name(f"{path.name}.{ENDING}")


def failed_rejects_for(target: AnyPath) -> Path:
    """Where they go when the command fails: an earlier run's output keeps its own."""
    path = Path(target)
    start = path.name.removesuffix(ENDING).removesuffix(".")
    return path.with_name(f"{start}.{FAILED}" if start else FAILED)


def is_rejects(name: str) -> bool:
    """Is a file of this name one of rejected rows?"""
    return name.endswith((f".{ENDING}", f".{FAILED}")) or name in (ENDING, FAILED)


@contextlib.contextmanager
def rejected_file(
    path: AnyPath | None, account: Account, output: AnyPath, inputs: Iterable[AnyPath] = ()
) -> Iterator[None]:
    """Collect the account's rejected rows in a file, `rejects_for(output)` by default.

    The file takes its place when the block ends well; without rejected rows there is none, and one
    of an earlier run goes. When the block fails, the rows show why: they go to a file of their own
    (`….rejected.failed.jsonl`), which the error names, and an earlier run's stay as they are.

    Raises:
        UsageFault: the file is the output or one of the inputs.
    """
    target = rejects_for(output) if path is None else Path(path)
    _refuse(target, output, inputs)
    failed = failed_rejects_for(target)
    part = Part(target)
    before, account.sink = account.sink, lambda record: part.write(_line(record))
    with terminable():
        try:
            yield
            if part.opened:
                part.finish()
                part.place()
            else:
                target.unlink(missing_ok=True)
            failed.unlink(missing_ok=True)
        except BaseException as error:
            with contextlib.suppress(CannotWrite):
                if part.opened:
                    part.target = failed
                    part.finish()
                    part.place()
                    _tell(error, failed)
            raise
        finally:
            account.sink = before
            part.discard()


def _refuse(target: Path, output: AnyPath, inputs: Iterable[AnyPath]) -> None:
    fix = "name another file with --rejected"
    for role, others in (("the output", [output]), ("an input", inputs)):
        if any(Path(other).resolve() == target.resolve() for other in others):
            raise UsageFault(
                "Rejected rows need a file of their own", str(target), f"it is {role}", fix
            )
    if target.exists() and not target.is_file():
        raise UsageFault(
            "Rejected rows need a file", str(target), "it is a folder or a device", fix
        )


def _tell(error: BaseException, failed: Path) -> None:
    if isinstance(error, DataError):
        error.fix = "; ".join(filter(None, (error.fix, f"the rejected rows are in {failed}")))


def _line(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        record = {**record, "row": repr(record.get("row"))}
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
