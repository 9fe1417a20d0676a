"""A run before it starts: the recipe as it will run, its engine, and where its rows come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.base.errors import UsageError
from orchestrator.base.files import sha256
from orchestrator.base.language import say
from orchestrator.engines import registry
from orchestrator.engines.job import FoundSource, Job, source_name
from orchestrator.engines.registry import engine_of
from orchestrator.envs.environment import Environment
from orchestrator.planning import model_fit
from orchestrator.planning.rehearsal import choice
from orchestrator.recipe.load import Loaded
from orchestrator.recipe.schema import Source

#: Rows that a rehearsal trains on.
REHEARSAL_ROWS = 16
#: The stages before an engine's own.
FIRST_STAGES = ("data", "model", "render", "check")


def stages(job: Job) -> tuple[str, ...]:
    """The names of the job's stages, in order."""
    if job.standin == "contract":
        return tuple(name for name in FIRST_STAGES if name != "model")
    return (*FIRST_STAGES, *engine_of(job).stages(job.recipe))


def with_environment(job: Job, environment: Environment) -> Job:
    """The job with the places of its environment, which ``commands.sh`` names."""
    return replace(job, environment=environment.bin, checkouts=environment.checkouts)


def build(
    loaded: Loaded,
    *,
    rehearse: bool = False,
    standin: choice.Asked | None = None,
    passthrough: Sequence[str] = (),
    must_find_rows: bool = True,
    only_available: bool = False,
) -> Job:
    """The job that ``loaded`` describes; ``standin`` is the model that a rehearsal was asked for.

    Raises :class:`UsageError` when the engine cannot do what the recipe asks for, or when a file
    of rows is nowhere (unless ``must_find_rows`` is false: a homework pack can do without; with
    ``only_available`` the run goes on with the sources that are there).
    """
    recipe = loaded.recipe
    engine = registry.get(recipe.engine_name)
    found = [
        _find(number, loaded, rehearse, must_find_rows)
        for number in range(len(recipe.data.sources))
    ]
    sources = tuple(one for one in found if one is not None)
    missing = [number for number, one in enumerate(found) if one is None]
    if missing and not (only_available and sources):
        raise _missing(loaded, missing, rest=bool(sources))
    left_out = [source_name(recipe.data.sources[number]) for number in missing]
    job = Job(
        name=loaded.name,
        recipe=recipe,
        release=registry.release(recipe.engine),
        sources=sources,
        unchecked=_why_unchecked(loaded, sources, whole=not missing),
        notes=(
            *map(str, model_fit.warnings(loaded)),
            *engine.notes(recipe),
            *([_without(left_out)] if missing else []),
        ),
        passthrough={"train": tuple(passthrough)} if passthrough else {},
    )
    return _as_rehearsal(job, standin) if rehearse else job


def _without(names: Sequence[str]) -> str:
    listed = ", ".join(names)
    return say(
        f"without the sources that are not here: {listed}", f"跳过了不在这里的数据来源：{listed}"
    )


def _given_by_hand(loaded: Loaded, key: str) -> bool:
    """Whether the value comes from the command line or the environment, not from a file."""
    origin = loaded.provenance.get(key)
    return origin is not None and origin.layer in ("command line", "environment")


def _find(number: int, loaded: Loaded, rehearse: bool, must_find: bool) -> FoundSource | None:
    """Where the rows of one source are; None when they are nowhere."""
    source = loaded.recipe.data.sources[number]
    by_hand = _given_by_hand(loaded, f"data.sources.{number}.path")
    if source.path is not None:
        path = loaded.resolve(source.path)
        if path.exists():
            return FoundSource(source, path)
    # A path that the user typed is never replaced by a sample or a download of something else.
    if not by_hand:
        if rehearse and source.sample is not None:
            return FoundSource(source, loaded.resolve_sample(source.sample), is_sample=True)
        if source.path is None or source.url is not None or not must_find:
            return FoundSource(source)
    elif source.path is None:
        return FoundSource(source)
    return None


def _missing(loaded: Loaded, numbers: Sequence[int], *, rest: bool) -> UsageError:
    """One error for every file of rows that is nowhere, with where to get each."""
    sources = loaded.recipe.data.sources
    names = ", ".join(repr(sources[number].path) for number in numbers)
    candidates = loaded.candidates(str(sources[numbers[0]].path))
    places = ", ".join(str(place.parent) for place in candidates)
    steps = [_where_to_get(sources[number], number) for number in numbers]
    if any(sources[number].sample for number in numbers):
        steps.append(
            say(
                "a rehearsal uses shipped sample rows instead: --rehearse",
                "预演会改用自带的样例数据：--rehearse",
            )
        )
    if rest:
        steps.append(
            say(
                "or go on with the sources that are there: --only-available",
                "或只用现有的数据来源继续：--only-available",
            )
        )
    return UsageError(
        say(f"The rows {names} are not there.", f"找不到数据文件 {names}。"),
        where=say(f"data.sources of {loaded.path}", f"{loaded.path} 的 data.sources"),
        why=say(f"looked in: {places}", f"查找过：{places}"),
        fix="\n         ".join(steps),
    )


#: Whose word is heard last.
_RANK = {"default": 0, "parent": 1, "recipe": 2, "environment": 3, "command line": 4}


def _rank(loaded: Loaded, key: str) -> int:
    origin = loaded.provenance.get(key)
    return _RANK[origin.layer] if origin is not None else 0


def _why_unchecked(loaded: Loaded, sources: tuple[FoundSource, ...], *, whole: bool) -> str | None:
    """Why the recipe's expected figures do not apply to these rows; None when they do.

    Whoever changes the rows from outside the file that states the figures has other rows.
    """
    expect = loaded.recipe.expect.model_dump(exclude_none=True)
    if not expect:
        return None
    if not whole:
        return say("sources of rows are missing", "缺少部分数据来源")
    said = max(_rank(loaded, f"expect.{key}") for key in expect)
    for key in loaded.provenance:
        if key.startswith("data.") and not key.endswith(".path") and _rank(loaded, key) > said:
            return say(
                f"{key} was changed after the figures were stated",
                f"给出这些数字之后 {key} 被改动过",
            )
    for number, found in enumerate(sources):
        if found.is_sample:
            return say("sample rows are used", "使用的是样例数据")
        if found.path is None:
            continue
        if found.source.sha256 is not None:
            if not found.path.is_file() or sha256(found.path) != found.source.sha256:
                return say(
                    f"{found.path.name} is another file than the recipe's (SHA-256 differs)",
                    f"{found.path.name} 不是配方所指的文件（SHA-256 不同）",
                )
        elif _rank(loaded, f"data.sources.{number}.path") > said:
            return say(
                f"{found.path.name} is another file than the recipe's",
                f"{found.path.name} 不是配方所指的文件",
            )
    return None


def _where_to_get(source: Source, number: int) -> str:
    give = f"--set data.sources.{number}.path=FILE"
    if not source.get:
        return give
    return say(
        f"{source.path}: {source.get}; then {give}", f"{source.path}：{source.get}；然后 {give}"
    )


def _as_rehearsal(job: Job, asked: choice.Asked | None) -> Job:
    _only_rows_that_are_here(job)
    recipe, changes = engine_of(job).rehearse(job.recipe)
    chosen = choice.choose(job.recipe.model, job.release, asked)
    said = [chosen.words, *changes]
    said.append(
        say(
            f"rows trained on: the first {REHEARSAL_ROWS} of the training split",
            f"训练数据：训练集的前 {REHEARSAL_ROWS} 行",
        )
    )
    samples = [found for found in job.sources if found.is_sample]
    said += [
        say(
            f"rows: the shipped sample instead of {found.name}",
            f"数据：用自带的样例代替 {found.name}",
        )
        for found in samples
    ]
    return replace(
        job,
        recipe=recipe,
        standin=chosen.kind,
        changes=tuple(said),
    )


def _only_rows_that_are_here(job: Job) -> None:
    """A rehearsal downloads nothing: UsageError naming the hub data sets without a sample."""
    sources = job.recipe.data.sources
    on_hub = [found.source for found in job.hub_sources]
    numbers = [n for n, source in enumerate(sources) if any(source is one for one in on_hub)]
    if numbers:
        names = ", ".join(source_name(sources[number]) for number in numbers)
        raise UsageError(
            say(
                f"A rehearsal downloads nothing, and there is no sample of {names}.",
                f"预演不下载任何东西，而 {names} 没有样例。",
            ),
            where=", ".join(f"data.sources.{number}" for number in numbers),
            fix=say("give a few rows of it: ", "请给出几行数据：")
            + " ".join(f"--set data.sources.{number}.sample=FILE" for number in numbers),
        )


def only_known_stages(job: Job, *names: str | None) -> None:
    """UsageError for a stage name that this job does not have."""
    listed = ", ".join(stages(job))
    for name in names:
        if name is not None and name not in stages(job):
            raise UsageError(
                say(
                    f"There is no stage called {name!r} in this run.",
                    f"这次运行没有名为 {name!r} 的阶段。",
                ),
                fix=say(f"stages: {listed}", f"各阶段：{listed}"),
            )
