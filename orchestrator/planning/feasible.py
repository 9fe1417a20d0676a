"""What an engine release makes impossible, known before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from data_tools.nearest import nearest
from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.base.names import as_name
from orchestrator.base.program import command_line
from orchestrator.base.text import listed
from orchestrator.engines import registry
from orchestrator.engines.protocol import Engine, Recognises
from orchestrator.envs.release import PTUNING, Release
from orchestrator.planning import model_fit
from orchestrator.recipe import load as loading
from orchestrator.recipe.faults import Objection
from orchestrator.recipe.listing import listing
from orchestrator.recipe.load import Loaded
from orchestrator.recipe.schema import Recipe


def load(
    recipe: str,
    *,
    sets: Sequence[str] = (),
    params: Sequence[str] = (),
    engine: str | None = None,
    environ: Mapping[str, str] | None = None,
    complete: bool = True,
) -> Loaded:
    """The recipe of that name or path, checked against its schema and its engine release.

    Without ``complete`` a required parameter may be missing (see :func:`recipe.load.load`).

    Raises :class:`~orchestrator.recipe.faults.RecipeFaults` with every fault at once.
    """
    return loading.load(
        recipe,
        sets=sets,
        params=params,
        engine=engine,
        environ=environ,
        judge=objections,
        refuse=refuse_foreign,
        complete=complete,
    )


def objections(engine: str, recipe: Recipe | None) -> Iterable[Objection]:
    """What the release called ``engine`` has against ``recipe``; None: its schema does not hold."""
    try:
        release = registry.release(engine)
    except UsageError:
        names = [known.name for known in registry.all_releases()]
        what = say(f"there is no engine release {engine!r}", f"没有引擎版本 {engine!r}")
        why = say(f"there are {listed(names, 'and')}", f"现有：{listed(names, '和')}")
        return [Objection("engine", what, why, nearest(engine, names, cutoff=0.5))]
    if recipe is None:
        return []
    judging = registry.get(release.engine)
    return [
        *_row_format(recipe, judging),
        *_ptuning(recipe, release),
        *model_fit.objections(recipe, release),
        *judging.unsupported(recipe, release),
    ]


def _ptuning(recipe: Recipe, release: Release) -> Iterator[Objection]:
    """A prefix is trained by releases that say so, and its keys belong to that method alone."""
    train = recipe.train
    if train.method == "ptuning":
        if PTUNING not in release.capabilities:
            able = [one.name for one in registry.all_releases() if PTUNING in one.capabilities]
            what = say(f"{release.name} trains no prefix", f"{release.name} 不能训练前缀")
            why = say(f"{listed(able, 'and')} can", f"{listed(able, '和')} 可以")
            yield Objection("train.method", what, why, "lora")
        return
    for key, value in train.ptuning.model_dump(exclude_none=True).items():
        if value is not False:
            what = say(
                f"does nothing with train.method {train.method}",
                f"在 train.method 为 {train.method} 时不起作用",
            )
            yield Objection(f"train.ptuning.{key}", what, meant="train.method: ptuning")


def _row_format(recipe: Recipe, engine: Engine) -> Iterator[Objection]:
    rows, known = recipe.data.rows, engine.row_formats
    if rows is not None and rows not in known:
        what = say(f"{engine.name} reads no {rows} rows", f"{engine.name} 不读取 {rows} 格式的行")
        why = say(f"it reads {listed(known)}", f"它读取 {listed(known, '或')}")
        yield Objection("data.rows", what, why, nearest(rows, known) or known[0])


def refuse_foreign(path: Path, values: Mapping[str, object]) -> None:
    """UsageError when an engine knows a file with these top-level names as one of its own."""
    for engine in registry.ENGINES:
        kind = engine.recognises(values) if isinstance(engine, Recognises) else None
        if kind is not None:
            parents = [one.name for one in listing() if one.engine.startswith(f"{engine.name}@")]
            words = ["new", as_name(f"my-{path.stem}"), "--from", *parents[:1]]
            raise UsageError(
                say(f"This is {kind}, not a recipe.", f"这是 {kind}，不是配方。"),
                where=str(path),
                why=say(
                    "a recipe says in its own keys what is in such a file; keys that it lacks "
                    "stand under engine_options",
                    "配方用自己的键表达这类文件的内容；没有对应键的写在 engine_options 下",
                ),
                fix=command_line(words),
            )
