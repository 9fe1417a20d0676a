"""How this program was started, so that a printed command can be pasted."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

NAME = "recipe"
#: Settings that a later command needs as well: where recipes, runs and environments are.
PLACES = ("RECIPE_PATH", "RECIPE_RUNS", "RECIPE_CACHE")


def words() -> list[str]:
    """``recipe`` where the shell finds this very program under that name, else how to reach it."""
    started = Path(sys.argv[0])
    if (started.parent.name, started.name) == ("orchestrator", "__main__.py"):
        return [sys.executable, "-m", "orchestrator"]
    found = shutil.which(NAME)
    if started.name != NAME or (found and Path(found).resolve() == started.resolve()):
        return [NAME]
    return [str(started)]


_COMMAND = re.compile(rf"(?<![\w./-]){NAME} (?=[a-z]+\b)")


def pasteable(text: str) -> str:
    """``text`` with every ``recipe VERB`` in it as the shell can find it."""
    spelled = " ".join(map(shlex.quote, words()))
    return text if spelled == NAME else _COMMAND.sub(lambda _match: f"{spelled} ", text)


def command_line(arguments: Iterable[str], *, more: Mapping[str, str] | None = None) -> str:
    """``recipe ARGUMENTS`` as it can be pasted: with the places that are set now, and ``more``
    variables by name."""
    places = {name: os.environ[name] for name in PLACES if os.environ.get(name)}
    given = [f"{name}={shlex.quote(value)}" for name, value in {**places, **(more or {})}.items()]
    return " ".join([*given, *map(shlex.quote, [*words(), *arguments])])
