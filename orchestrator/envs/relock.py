"""Make a lock: python -m orchestrator.envs.relock xtuner@0.2.0 [--check]

Resolves ``locks/NAME.in`` as the package index stood on the date in its first line, for Python
and platform of the release, and writes ``locks/NAME.txt``: pins only, no address. With --check
nothing is written and a lock that would change fails.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base.errors import RecipeError
from orchestrator.base.files import write_atomic
from orchestrator.envs import indexes, locks, uv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.envs.release import Release

PLATFORM = "x86_64-manylinux_2_28"
_AS_OF = re.compile(r"# as of (\d{4}-\d\d-\d\d)\n")


def source(release: Release) -> Path:
    return (locks.FOLDER / release.lock_name).with_suffix(".in")


def words(release: Release, wanted: Path, date: str) -> list[str]:
    """uv's arguments that make the lock."""
    return [
        *("pip", "compile", "--quiet", "--no-header", "--no-annotate"),
        *("--no-emit-index-url", "--no-emit-find-links"),
        *("--python-version", release.python, "--python-platform", PLATFORM),
        *("--exclude-newer", date, wanted.name),
    ]


def relock(release: Release) -> str:
    """The lock's whole text, header and pins; :class:`RecipeError` when it cannot be resolved."""
    wanted = source(release)
    hit = _AS_OF.match(wanted.read_text(encoding="utf-8"))
    if hit is None:
        raise RecipeError(
            "A lock needs a date.", where=str(wanted), fix='begin it with: "# as of 2025-07-12"'
        )
    arguments = words(release, wanted, hit[1])
    done = subprocess.run(
        [uv.binary(), *arguments, *indexes.flags(os.environ)],
        cwd=wanted.parent,
        env=uv.environ(os.environ),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        lines = indexes.redact(done.stderr).splitlines()
        doing = f"{release.name} could not be resolved."
        raise uv.failure(lines, doing=doing, log=None, code=done.returncode)
    return header(release, hit[1], arguments) + done.stdout


def header(release: Release, date: str, arguments: Sequence[str]) -> str:
    return (
        f"# {release.name} on Python {release.python}, Linux x86_64, as of {date}. Made by:\n"
        f"#   python -m orchestrator.envs.relock {release.name}\n"
        f"# which runs, in this folder:\n"
        f"#   uv {' '.join(arguments)}\n"
    )


def main(argv: Sequence[str] | None = None) -> int:
    from orchestrator.engines.registry import release as named

    parser = argparse.ArgumentParser(prog="python -m orchestrator.envs.relock")
    parser.add_argument("release", nargs="+", help="an engine release: NAME@VERSION")
    parser.add_argument("--check", action="store_true", help="fail if a lock would change")
    options = parser.parse_args(argv)
    changed = 0
    for one in (named(name) for name in options.release):
        path, text = locks.FOLDER / one.lock_name, relock(one)
        same = path.is_file() and path.read_text(encoding="utf-8") == text
        sys.stdout.write(f"{path.name}: {'unchanged' if same else 'changed'}\n")
        changed += not same
        if not same and not options.check:
            write_atomic(path, text)
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RecipeError as error:
        sys.exit(f"error: {error}")
