"""``commands.sh``: the exact commands of a run, for a reader's own shell, without this tool."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from orchestrator.base.plan import Argument, Artifact, Command, Plan
from orchestrator.base.secrets import redacted
from orchestrator.engines.job import Job
from orchestrator.engines.registry import engine_of, engine_plan
from orchestrator.rendering.templates import render


def commands_script(job: Job, *, before: tuple[str, ...] = ()) -> str:
    """The script's text. ``before`` are lines that come first: data and model of a pack."""
    engine = engine_of(job)
    plans = [engine_plan(name, job) for name in engine.stages(job.recipe)]
    steps = [{"name": plan.stage, "lines": list(_lines(plan))} for plan in plans]
    return render("commands.sh.jinja", job=job, steps=steps, before=before)


_STARTED = ".stage-started"


def _lines(plan: Plan) -> Iterator[str]:
    if any(artifact.proof.marker for artifact in plan.artifacts):
        yield f"touch {_STARTED}"
    for command in plan.commands:
        if command.by_hand:
            yield redacted(shell_line(command))  # a secret is typed again by hand
    for artifact in plan.artifacts:
        if artifact.proof.marker:
            yield _guard(plan.stage, artifact)


def _guard(stage: str, artifact: Artifact) -> str:
    proof = shlex.quote(f"{artifact.path}/{artifact.proof.marker}")
    made = f"[ -e {proof} ] && [ ! {proof} -ot {_STARTED} ]"
    return f"{{ {made}; }} || {{ echo '{stage} failed: it wrote no '{proof} >&2; exit 1; }}"


def shell_line(command: Command) -> str:
    """The command with its variables, as one line of shell."""
    given = [f"{name}={shlex.quote(value)}" for name, value in command.env.items()]
    kept = [f'{name}="${{{name}:-{value}}}"' for name, value in command.defaults.items()]
    return " ".join([*given, *kept, *map(_word, command.argv)])


def _word(word: Argument) -> str:
    return word.shell() if not isinstance(word, str) else shlex.quote(word)
