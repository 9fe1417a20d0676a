"""What decides a stage's outcome, part by part, so that a change can be named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from orchestrator.base.plan import Argument, Plan
from orchestrator.base.secrets import without_secrets
from orchestrator.verifying.content import digest, of_path, without_comments

Parts = dict[str, str]
_PACKAGE = str(Path(__file__).resolve().parents[1])


def of(
    plan: Plan,
    root: Path,
    extra: Mapping[str, object],
    *,
    digest_of: Callable[[Path], str] = of_path,
) -> Parts:
    """The parts of ``plan`` by name; ``extra`` holds facts of the run (environment, mode).

    ``digest_of`` looks at an input; a preview knows some that do not lie in ``root`` yet.
    """
    parts: Parts = {}
    for file in plan.files:
        parts[file.path] = digest(without_comments(file.path, file.text).encode())
    if plan.task is not None:
        parts.update(_facts(plan.task.facts()))
    for number, command in enumerate(plan.commands, 1):
        words = [_word(word) for word in command.argv]
        environment = dict(sorted({**command.defaults, **command.env}.items()))
        parts[f"command {number}"] = digest(json.dumps([words, environment]).encode())
    for name in plan.inputs:
        parts[name] = digest_of(root / name)
    parts.update(_facts({**plan.facts, **extra}))
    return parts


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names of the parts that changed, came or went."""
    names = dict.fromkeys([*now, *before])
    return [name for name in names if before.get(name) != now.get(name)]


def _word(word: Argument) -> str:
    if not isinstance(word, str):
        return word.shell()
    # Where this package is installed is no reason to run a stage again.
    return word.replace(_PACKAGE, "<package>")


def _facts(facts: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        shown = without_secrets(value)  # the parts are stored
        yield key, json.dumps(shown, sort_keys=True, ensure_ascii=False, default=str)
