"""Several large files at once: one process a file, the parts put together in order.

Workers are this module run by the same Python (no `multiprocessing`: it would run the caller's
script again where that has no main guard, and fork is unsafe beside a progress bar's thread).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from data_tools.account import Account
from data_tools.containers.atomic import atomic
from data_tools.errors import DataError

WORTH = 32 << 20  # bytes of input below which one process is as fast
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from data_tools.operations.workers import main; main()"
)


def worth_it(paths: list[Path], container: str) -> bool:
    """Is it worth more than one process?"""
    if container not in ("jsonl", "json") or len(paths) < 2 or cores() < 2:
        return False
    return sum(path.stat().st_size for path in paths) >= WORTH


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def convert_parallel(
    paths: list[Path],
    dst: str | os.PathLike[str],
    options: dict[str, Any],
    container: str,
    account: Account,
) -> None:
    """Convert the files, each in its own process, into one; `options` are those of `convert`."""
    with tempfile.TemporaryDirectory(prefix=".parts.", dir=Path(dst).parent) as folder:
        jobs = [
            {**options, "src": str(path), "dst": str(Path(folder, f"{number}.jsonl"))}
            for number, path in enumerate(paths)
        ]
        for job in jobs:
            job["rejected"] = job["dst"] + ".rejected"
        for result in _run_all(jobs, cores()):
            _take(account, result)
        _pass_on([Path(job["rejected"]) for job in jobs], account)
        account.check(some=os.fspath(dst))
        _join([Path(job["dst"]) for job in jobs], dst, container)


def _run_all(jobs: list[dict[str, Any]], at_once: int) -> Iterator[dict[str, Any]]:
    """The results in the order of the jobs; at most `at_once` run."""
    running: list[subprocess.Popen[bytes]] = []
    waiting = list(jobs)
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(_start(waiting.pop(0)))
            yield _result(running.pop(0))
    finally:
        for process in running:
            process.kill()
            process.communicate()


def _start(job: dict[str, Any]) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).resolve().parents[2])
    # A session of its own: Ctrl-C reaches only the parent, which then ends its workers.
    command = [sys.executable, "-c", _START, root]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(job).encode())
    process.stdin.close()
    process.stdin = None
    return process


def _result(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    try:
        out, _ = process.communicate()
    except BaseException:
        process.kill()
        process.communicate()
        raise
    if process.returncode:
        raise DataError("A worker process ended early", why=f"exit code {process.returncode}")
    result: dict[str, Any] = json.loads(out)
    if "error" in result:
        raise DataError(*result["error"])
    return result


def _take(account: Account, result: dict[str, Any]) -> None:
    other = Account(**{**result["account"], "examples": result["examples"]})
    for name in ("rejects", "dropped", "notes"):
        setattr(other, name, Counter(getattr(other, name)))
    account.add(other)
    if account.tick is not None:
        account.tick(account.read)


def _join(parts: list[Path], dst: str | os.PathLike[str], container: str) -> None:
    with atomic(dst) as file:
        if container == "jsonl":
            for part in parts:
                with part.open("rb") as lines:
                    _copy(lines, file)
            return
        joint = b"[\n"
        for part in parts:
            with part.open("rb") as lines:
                for line in lines:
                    file.write(joint + line.rstrip(b"\n"))
                    joint = b",\n"
        file.write(b"\n]\n" if joint == b",\n" else b"[]\n")


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """The whole file, by the kernel where it can (not into a gzip stream)."""
    if sys.platform == "linux" and isinstance(target, io.BufferedWriter):
        target.flush()
        while os.sendfile(target.fileno(), source.fileno(), None, 1 << 30):
            continue
    else:
        shutil.copyfileobj(source, target, 1 << 20)


def _pass_on(rejected: list[Path], account: Account) -> None:
    for path in rejected:
        if path.exists() and account.sink is not None:
            with path.open("rb") as lines:
                for line in lines:
                    account.sink(json.loads(line))


def main() -> None:
    """A worker: a job on standard input, its result on standard output."""
    from data_tools.containers import atomic as files
    from data_tools.operations.converting import convert

    files.SYNC = False
    job = json.load(sys.stdin)
    account = Account()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            convert(**job, account=account, processes=1, allow_empty=True)
        result: dict[str, Any] = {"account": account.to_dict(), "examples": account.examples}
    except DataError as error:
        result = {"error": [error.what, error.where, error.why, error.fix]}
    sys.stdout.write(json.dumps(result))
