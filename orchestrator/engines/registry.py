"""The engines by name, in one literal list. mypy holds each of them to the protocol.

This file is the only one outside an engine's own package that knows an engine's name.
"""

from __future__ import annotations

import re
from dataclasses import replace

from data_tools.nearest import did_you_mean
from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.base.plan import Plan
from orchestrator.causes.common import COMMON, LAST
from orchestrator.causes.explanation import Explanation
from orchestrator.engines import chatglm3, llamafactory, xcomposer2, xtuner
from orchestrator.engines.job import Job
from orchestrator.engines.protocol import Engine
from orchestrator.envs.failures import INSTALLING
from orchestrator.envs.release import Release

ENGINES: tuple[Engine, ...] = (xtuner, llamafactory, chatglm3, xcomposer2)


def names() -> tuple[str, ...]:
    return tuple(engine.name for engine in ENGINES)


def get(name: str) -> Engine:
    """The engine of that name; :class:`UsageError` with the nearest names when there is none."""
    for engine in ENGINES:
        if engine.name == name:
            return engine
    hint = did_you_mean(
        name,
        names(),
        otherwise=say(f"engines: {', '.join(names())}", f"引擎有：{', '.join(names())}"),
    )
    raise UsageError(
        say(f"There is no engine called {name!r}.", f"没有名为 {name!r} 的引擎。"), fix=hint
    )


def engine_of(job: Job) -> Engine:
    return get(job.release.engine)


def engine_plan(stage: str, job: Job) -> Plan:
    """The engine's plan of ``stage``; its commands have the recipe's own variables."""
    plan = engine_of(job).plan(stage, job)
    commands = tuple(command.with_defaults(job.recipe.env) for command in plan.commands)
    return replace(plan, commands=commands)


def release(name: str) -> Release:
    """The release called ``engine@version``; :class:`UsageError` naming those there are."""
    known = {release.name: release for release in all_releases()}
    if name in known:
        return known[name]
    listed = say(f"releases: {', '.join(known)}", f"版本有：{', '.join(known)}")
    hint = did_you_mean(name, known, otherwise=listed)
    raise UsageError(
        say(f"There is no engine release {name!r}.", f"没有引擎版本 {name!r}。"),
        fix=say(f"{hint} (recipe env list)", f"{hint}（recipe env list）"),
    )


def all_releases() -> list[Release]:
    return [release for engine in ENGINES for release in engine.releases]


#: How a log of uv begins (`orchestrator/envs/worklog.py`).
_INSTALLS = re.compile(r"\A\s*(?:\$ )?\S*\buv (?:pip|venv|python|sync|lock)\b")


def causes(log: str, engine: Engine | None = None) -> tuple[Explanation, ...]:
    """The table of causes for a log, what is more specific first.

    An engine's own entries come first where it is known to have written the log: it is given, or
    the log names it. Else they come after those that belong to nobody. What uv says is known by
    the log's beginning: its words are too common to be looked for elsewhere.
    """
    if _INSTALLS.search(log):
        return (*INSTALLING, *COMMON)
    text = log.lower().replace("-", "").replace("_", "")
    named = [engine] if engine else [one for one in ENGINES if one.name in text]
    own = [entry for one in named for entry in one.explanations]
    others = [entry for one in ENGINES if not named for entry in one.explanations]
    return (*own, *COMMON, *others, *LAST)
