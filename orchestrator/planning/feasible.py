"""What an engine release makes impossible, known before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.base.errors import UsageError
from orchestrator.base.nearest import nearest
from orchestrator.base.text import listed
from orchestrator.engines import registry
from orchestrator.recipe import load as loading
from orchestrator.recipe.faults import Objection
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
        complete=complete,
    )


def objections(engine: str, recipe: Recipe | None) -> Iterable[Objection]:
    """What the release called ``engine`` has against ``recipe``; None: its schema does not hold."""
    try:
        release = registry.release(engine)
    except UsageError as error:
        names = [known.name for known in registry.all_releases()]
        meant = nearest(engine, names, cutoff=0.5)
        what = error.what.rstrip(".")
        why = f"there are {listed(names, 'and')}"
        return [Objection("engine", what[0].lower() + what[1:], why, meant)]
    return [] if recipe is None else registry.get(release.engine).unsupported(recipe, release)
