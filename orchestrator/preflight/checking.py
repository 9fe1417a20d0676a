"""The rules applied: to a recipe by name, to a run that is about to begin, to the machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from data_tools.nearest import nearest
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.language import say
from orchestrator.engines import registry
from orchestrator.engines.job import Job
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build
from orchestrator.preflight.rule import Found, Verdict, examine
from orchestrator.preflight.situation import Situation
from orchestrator.preflight.table import RULES
from orchestrator.recipe.faults import RecipeFaults
from orchestrator.recipe.load import Loaded

_RECIPE, _IGNORE = (
    next(rule for rule in RULES if rule.id == name) for name in ("recipe", "preflight-ignore")
)


class PreflightFaults(RecipeError):
    """Everything that would stop a run, told before it begins (exit code 1)."""

    def __init__(self, name: str, verdicts: Sequence[Verdict]) -> None:
        count = len(verdicts)
        what = say(
            f"{name} cannot run here: {count} thing{'s' if count > 1 else ''} would stop it.",
            f"{name} 无法在此运行：有 {count} 处会使它停下。",
        )
        super().__init__(what, fix=_silence(verdicts[0]))
        self.verdicts = tuple(verdicts)

    def __str__(self) -> str:
        lines = super().__str__().splitlines()
        told = [line for one in self.verdicts for line in lines_of(one)]
        return "\n".join([lines[0], *told, *lines[1:]])


def _silence(first: Verdict) -> str:
    key = f"--set preflight.ignore.{first.rule.id}='REASON'"
    return say(
        f"correct it, then run the same command again; if a rule is wrong here: {key}",
        f"更正后再次运行同一命令；如果某条规则在此不适用：{key}",
    )


def lines_of(one: Verdict) -> list[str]:
    """A verdict in lines: id and cause, then the next step."""
    fix = [f"    {say('next step', '下一步')}: {one.fix}"] if one.fix else []
    why = [f"    {say('ignored', '已忽略')}: {one.ignored}"] if one.ignored else []
    return [f"  {one.rule.id}: {one.cause}", *fix, *why]


def of_machine(release: str | None = None, python: Path | None = None) -> list[Verdict]:
    """What the rules say of this machine, with the release whose torch and driver matter."""
    chosen = registry.release(release) if release else None
    return list(examine(RULES, Situation(release=chosen, python=python)))


def of_recipe(
    recipe: str,
    *,
    sets: Sequence[str] = (),
    params: Sequence[str] = (),
    engine: str | None = None,
    rehearse: bool = False,
    python: Path | None = None,
) -> list[Verdict]:
    """What the rules say of a recipe by name or path; its own faults come first, and alone."""
    try:
        loaded = load(recipe, sets=sets, params=params, engine=engine, complete=False)
    except RecipeFaults as error:
        return [Verdict(_RECIPE, "error", str(fault)) for fault in error.faults]
    job, unfound = _job(loaded, rehearse)
    here = Situation(
        loaded=loaded,
        job=job,
        release=registry.release(loaded.recipe.engine),
        python=python,
        unfound=unfound,
    )
    return _heard(here)


def _job(loaded: Loaded, rehearse: bool) -> tuple[Job | None, RecipeError | None]:
    try:
        return build(loaded, rehearse=rehearse), None
    except UsageError as error:
        return None, error


def before_run(job: Job, *, stages: Sequence[str], python: Path | None = None) -> list[Verdict]:
    """What a run should know before it begins; :class:`PreflightFaults` for what would stop it."""
    found = _heard(Situation(job=job, release=job.release, python=python, stages=stages))
    errors = [one for one in found if one.level == "error"]
    if errors:
        raise PreflightFaults(job.name, errors)
    return found


def _heard(here: Situation) -> list[Verdict]:
    ignore = here.recipe.preflight.ignore if here.recipe else {}
    wrong = [Verdict(_IGNORE, one.level, one.cause, one.fix) for one in _silenced(ignore)]
    said = [one for one in examine(RULES, here, ignore=ignore) if one.rule is not _IGNORE]
    return [*said, *(wrong or [Verdict(_IGNORE, "ok")])]


def _silenced(ignore: dict[str, str]) -> Iterator[Found]:
    """A rule that is silenced must exist, and there must be a reason."""
    known = [rule.id for rule in RULES]
    for name, reason in ignore.items():
        if name not in known:
            near = nearest(name, known)
            rules = say(f"rules: {', '.join(known)}", f"规则：{', '.join(known)}")
            guess = say(f"did you mean {near}?", f"您是指 {near} 吗？") if near else rules
            cause = say(
                f"preflight.ignore: there is no rule {name!r}",
                f"preflight.ignore：没有规则 {name!r}",
            )
            yield Found("error", cause, guess)
        elif not reason.strip():
            cause = say(
                f"preflight.ignore.{name} has no reason", f"preflight.ignore.{name} 没有写理由"
            )
            yield Found("error", cause, f"--set preflight.ignore.{name}='REASON'")
