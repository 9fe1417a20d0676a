"""What the engine will really see: its own pipeline asked, in a folder that is thrown away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.language import say
from orchestrator.base.program import command_line
from orchestrator.engines.job import Job
from orchestrator.engines.protocol import Engine, Glance, Peeks
from orchestrator.engines.registry import ENGINES, engine_of, get
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build
from orchestrator.planning.rehearsal.choice import Asked
from orchestrator.recipe.load import Loaded
from orchestrator.running.talk import system_of
from orchestrator.running.trial import Trial, for_any_machine, installed, trial

Seen = dict[str, Any]


def peek(
    recipe: str,
    *,
    rows: Sequence[int],
    first: int,
    sequence: int | None = None,
    rehearse: bool = False,
    standin: Asked | None = None,
    python: Path | None = None,
    **given: Any,
) -> Seen:
    """What the engine of a recipe makes of ``rows`` (numbers from 1), else of the ``first`` ones.

    ``rehearse`` looks at it as a rehearsal, with the stand-in that is asked for. RecipeError for
    rows that are nowhere or not there, an environment or a tokenizer that is not here, and every
    fault that the engine's own files have.
    """
    loaded = load(recipe, **given)
    engine = _that_peeks(get(loaded.recipe.engine_name))
    job = build(loaded, rehearse=rehearse, standin=standin)
    _has_a_tokenizer(job)
    _rows_in_files(job, loaded)
    environment = installed(job, python)
    job = for_any_machine(job)
    with trial(job, environment, no_model=_no_tokenizer(recipe)) as here:
        here.stages(("data",))
        count = _count(here.root / str(job.train_file))
        glance = Glance(
            rows=_existing(rows, count) or tuple(range(1, min(first, count) + 1)),
            sequence=sequence,
            system=system_of(job.recipe, {}),
        )
        seen = _asked(here, engine, glance)
    _only_sequences_that_are_there(sequence, seen)
    return {**_of_job(job), **seen}


def _that_peeks(engine: Engine) -> Peeks:
    if isinstance(engine, Peeks):
        return engine
    can = [one.name for one in ENGINES if isinstance(one, Peeks)]
    raise UsageError(
        say(
            f"{engine.name} cannot be peeked at: nothing here asks its pipeline.",
            f"{engine.name} 不支持 peek：这里没有查询其数据流程的脚本。",
        ),
        fix=say(f"engines that can: {', '.join(can)}", f"支持的引擎：{', '.join(can)}"),
    )


def _has_a_tokenizer(job: Job) -> None:
    if job.standin == "contract":
        raise UsageError(
            say(
                "This rehearsal has no model, so there is no tokenizer to look with.",
                "这种预演没有模型，因此没有可用的分词器。",
            ),
            why=next(iter(job.changes), None),
            fix=say(
                "--rehearse=own fetches the model's own tokenizer (a few MB, no weights)",
                "--rehearse=own 会下载模型自己的分词器（几 MB，不含权重）",
            ),
        )


def _rows_in_files(job: Job, loaded: Loaded) -> None:
    """The rows of a hub's data set are on no disk before the engine trains."""
    names = ", ".join(source.name for source in job.hub_sources)
    if names:
        raise RecipeError(
            say(
                f"The rows of {names} are on a hub, not on this machine.",
                f"{names} 的数据在模型库上，不在这台机器上。",
            ),
            where=str(loaded.path),
            fix=say(
                "look at its sample rows: --rehearse; or name a file of them: ",
                "查看自带的样例：--rehearse；或指定数据文件：",
            )
            + "--set data.sources.0.path=FILE",
        )


def _no_tokenizer(recipe: str) -> str:
    """What to type where the tokenizer cannot be had."""
    again = command_line(["peek", recipe])
    return say(
        f"where there is a network, {again} fetches the tokenizer alone (a few MB); here, "
        "--rehearse looks with a stand-in's",
        f"有网络时，{again} 只下载分词器（几 MB）；在这里可用 --rehearse 查看替身的分词器",
    )


def _count(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def _existing(rows: Sequence[int], count: int) -> tuple[int, ...]:
    wrong = [str(number) for number in rows if not 1 <= number <= count]
    if wrong:
        raise UsageError(
            say(f"There is no row {', '.join(wrong)}.", f"没有第 {', '.join(wrong)} 行。"),
            where="--row",
            why=say(
                f"the rows that are trained on have the numbers 1 to {count}",
                f"训练数据的行号是 1 到 {count}",
            ),
            fix=f"--row {count}",
        )
    return tuple(dict.fromkeys(rows))


def _only_sequences_that_are_there(number: int | None, seen: Seen) -> None:
    count = len(seen["packed"] or ())
    if number is not None and not 1 <= number <= count:
        raise UsageError(
            say(f"There is no packed sequence {number}.", f"没有第 {number} 个打包序列。"),
            where="--sequence",
            why=say(f"there are {count}", f"共有 {count} 个"),
        )


def _asked(here: Trial, engine: Peeks, glance: Glance) -> Seen:
    """The engine's answer; every fault it found is one error."""
    here.stages(("model", "render") if here.job.rehearsal else ("render",))
    plan = engine.peek(here.job, glance)
    (report,) = plan.outputs
    here.carry_out(plan, leaves=report)
    seen: Seen = json.loads((here.root / report).read_text(encoding="utf-8"))
    if seen["faults"]:
        first, *others = seen["faults"]
        more = "".join(f"\n  {fault['what']} {fault['why'] or ''}".rstrip() for fault in others)
        raise RecipeError(
            first["what"], why=f"{first['why'] or ''}{more}" or None, fix=first["fix"]
        )
    return seen


def _of_job(job: Job) -> Seen:
    return {
        "recipe": job.name,
        "engine": job.release.name,
        "model": job.recipe.model.id,
        "template": engine_of(job).template(job.recipe),
        "rehearsal": job.standin,
        "changes": list(job.changes),
    }
