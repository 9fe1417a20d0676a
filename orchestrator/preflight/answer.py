"""The answer to `recipe fit`: the estimate, the card, and the smallest change that fits it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.base.hardware import gpus as gpus_here
from orchestrator.base.language import say
from orchestrator.fit.cards import Card, card
from orchestrator.fit.formulas import Need
from orchestrator.planning.feasible import load
from orchestrator.preflight.advice import Settings, changed_by, smallest_change
from orchestrator.preflight.fitting import TIGHT, Fit, StageFit, fit
from orchestrator.recipe.dump import one_line


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a reader is told. ``card`` is the GPU asked for, or this machine's; None: neither."""

    name: str
    fit: Fit
    card: Card | None = None
    settings: tuple[str, ...] | None = None
    """KEY=VALUE of the smallest change; (): none is needed, None: none is known."""
    changed: Fit | None = None
    """What the recipe takes with that change."""

    @property
    def fits(self) -> bool | None:
        """Whether it fits the card; None where there is no card or something is unknown."""
        return self.fit.fits(self.card) if self.card is not None else None

    @property
    def tight(self) -> bool:
        """Whether it fits by less than an estimate may be off."""
        size, has = self.fit.gpu, self.card
        return bool(size and has and TIGHT * has.bytes < size <= has.bytes)

    def as_json(self) -> dict[str, Any]:
        """Plain data; sizes in bytes, null where unknown."""
        fit, smallest = self.fit, self.fit.smallest
        return {
            "recipe": self.name,
            "engine": fit.recipe.engine,
            "model": fit.recipe.model.id,
            "config": fit.source or None,
            "weights": fit.shape.weights if fit.shape else None,
            "gpus": fit.gpus,
            "unknown": fit.unknown or None,
            "gpu_bytes": fit.gpu,
            "host_bytes": fit.host,
            "smallest_card_gib": smallest.bytes // 2**30 if smallest else None,
            "stages": [_stage(one) for one in fit.stages],
            "card": vars(self.card) if self.card else None,
            "fits": self.fits,
            "tight": self.tight,
            "set": None if self.settings is None else list(self.settings),
            "changed": _changed(self.changed) if self.changed else None,
        }


def _changed(fit: Fit) -> dict[str, int | None]:
    return {"gpu_bytes": fit.gpu, "host_bytes": fit.host}


def _stage(one: StageFit) -> dict[str, Any]:
    measured = vars(one.measured) if one.measured else None
    need = one.need
    return {
        "stage": one.stage,
        "gpu": {**_need(need.gpu), "measured": measured},
        "host": _need(need.host),
    }


def _need(need: Need) -> dict[str, Any]:
    return {"bytes": need.total, "parts": need.parts, "unknown": need.unknown or None}


def answer(
    recipe: str,
    *,
    sets: Sequence[str] = (),
    params: Sequence[str] = (),
    engine: str | None = None,
    gpu: str | None = None,
    gpus: int | None = None,
) -> Answer:
    """The estimate of a recipe by name or path, held against ``gpu`` or this machine's GPUs.

    Raises UsageError for an unknown card, RecipeFaults for a faulty recipe.
    """
    chosen = card(gpu) if gpu else _here()
    loaded = load(recipe, sets=sets, params=params, engine=engine, complete=False)
    found = fit(loaded.recipe, gpus=gpus, fetch=True)
    change = _change(found, chosen)
    if change and gpus and gpus != (loaded.recipe.train.gpus or 1):
        change = {**change, "train.gpus": gpus}
    return Answer(
        name=loaded.name,
        fit=found,
        card=chosen,
        settings=None if change is None else tuple(_typed(*pair) for pair in change.items()),
        changed=fit(changed_by(loaded.recipe, change), gpus=found.gpus) if change else None,
    )


def _here() -> Card | None:
    """The smallest of this machine's GPUs; None when it has none."""
    found = [gpu for gpu in gpus_here() or [] if gpu.total]
    least = min(found, key=lambda gpu: gpu.total, default=None)
    where = say("this machine's ", "本机的 ")
    return Card(f"{where}{least.name}", least.total) if least else None


def _change(found: Fit, chosen: Card | None) -> Settings | None:
    """{} when it fits as it is; None when nothing helps, or nothing can be said."""
    if chosen is None or found.shape is None or found.gpu is None:
        return None
    if found.gpu <= chosen.bytes:
        return {}
    return smallest_change(found.recipe, found.shape, chosen, found.gpus)


def _typed(key: str, value: object) -> str:
    return f"{key}={one_line(value)}"
