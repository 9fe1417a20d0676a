"""Make a lock: `recipe env lock xtuner@0.2.0 [--check]`.

Resolves the engine's ``locks/NAME.in`` as the package index stood on the date in its first line,
for Python and platform of the release. The lock holds pins only, no address.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.process import capture
from orchestrator.base.secrets import redacted
from orchestrator.envs import indexes, uv

if TYPE_CHECKING:
    from orchestrator.envs.release import Release

PLATFORM = "x86_64-manylinux_2_28"
_AS_OF = re.compile(r"# as of (\d{4}-\d\d-\d\d)\n")


def source(release: Release) -> Path:
    return release.lock.with_suffix(".in")


def relock(release: Release) -> str:
    """The lock's whole text, as uv writes it; :class:`RecipeError` when it cannot be resolved."""
    wanted = source(release)
    match = _AS_OF.match(wanted.read_text(encoding="utf-8"))
    if match is None:
        raise RecipeError(
            say("A lock needs a date.", "锁文件需要日期。"),
            where=str(wanted),
            fix=say('begin it with: "# as of 2025-07-12"', "在开头写：“# as of 2025-07-12”"),
        )
    argv = [
        *(uv.binary(), "pip", "compile", "--quiet", *indexes.flags(os.environ)),
        *("--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
        *("--python-version", release.python, "--python-platform", PLATFORM),
        *("--custom-compile-command", f"recipe env lock {release.name}"),
        *("--exclude-newer", match[1], wanted.name),
    ]
    done = capture(argv, cwd=wanted.parent, env=uv.environ(os.environ))
    if done.code != 0:
        lines = redacted(done.errors).splitlines()
        doing = say(f"{release.name} could not be resolved.", f"{release.name} 的依赖无法解析。")
        raise uv.failure(lines, doing=doing, log=None, code=done.code)
    return done.output
