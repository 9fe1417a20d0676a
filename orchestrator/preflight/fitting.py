"""A recipe's memory: its model's shape, its engine's stages, and what was measured before."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.engines import registry
from orchestrator.engines.protocol import Weighs
from orchestrator.fit import measured
from orchestrator.fit.cards import Card, smallest
from orchestrator.fit.formulas import StageNeed
from orchestrator.fit.measured import Measured
from orchestrator.fit.models import shipped_config
from orchestrator.fit.shape import Shape, Unknown, shape_of
from orchestrator.hub.config import Config, config_cached, config_fetched, config_here
from orchestrator.recipe.schema import Model, Recipe

#: Above this share of a card an estimate may turn out too low (the worst published point).
TIGHT = 0.9


@dataclass(frozen=True)
class StageFit:
    """One stage: what it is estimated to take, and what it took when this setup last ran."""

    need: StageNeed
    measured: Measured | None = None

    @property
    def stage(self) -> str:
        return self.need.stage

    @property
    def gpu(self) -> int | None:
        """Bytes on each GPU: measured, else estimated; None where it is unknown."""
        return self.measured.bytes if self.measured else self.need.gpu.total


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a recipe takes on ``gpus`` GPUs. Without stages ``unknown`` says why."""

    recipe: Recipe
    gpus: int
    shape: Shape | None = None
    source: str = ""
    """Where the model's config.json came from."""
    stages: tuple[StageFit, ...] = ()
    unknown: str = ""

    @property
    def gpu(self) -> int | None:
        """Bytes that each GPU must have at most in any stage; None where one is unknown."""
        return _most([one.gpu for one in self.stages])

    @property
    def host(self) -> int | None:
        """Bytes of host memory in the stage that takes most."""
        return _most([one.need.host.total for one in self.stages])

    @property
    def smallest(self) -> Card | None:
        """The smallest card that every stage fits on; None where none does or nothing is known."""
        return smallest(self.gpu) if self.gpu is not None else None

    def fits(self, card: Card) -> bool | None:
        """Whether every stage fits on such a card; None where that is unknown."""
        return None if self.gpu is None else self.gpu <= card.bytes


def _most(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return max(known) if known and len(known) == len(sizes) else None


def gpus_of(recipe: Recipe) -> int:
    """The GPUs of a run: those that the training says, else those that the recipe needs."""
    return recipe.train.gpus or max(1, recipe.needs.gpus)


def config_of(model: Model, *, fetch: bool = False) -> Config:
    """The model's config.json: from this machine, the table of shipped models, or its hub.

    :class:`Unknown` where it is nowhere (or its hub cannot be asked).
    """
    try:
        here = config_here(model)
        if here is not None:
            return here
        shipped = shipped_config(model.id)
        if shipped is not None:
            return Config(*shipped)
        cached = config_cached(model)
        if cached is not None:
            return cached
        if fetch:
            return config_fetched(model)
    except RecipeError as error:
        raise Unknown(f"{error.what} {error.why or ''}".strip()) from error
    raise Unknown(
        say(
            f"the config.json of {model.id} is not on this machine",
            f"本机没有 {model.id} 的 config.json",
        )
    )


def fit(
    recipe: Recipe, *, gpus: int | None = None, fetch: bool = False, remember: bool = True
) -> Fit:
    """What every stage of ``recipe`` takes on each GPU and on the host.

    With ``fetch`` a config.json that is nowhere here is brought from its hub; nothing else is.
    Without ``remember`` what was measured on this machine is left out.
    """
    count = gpus or gpus_of(recipe)
    source = ""
    try:
        config = config_of(recipe.model, fetch=fetch)
        source = config.source
        shape = shape_of(config.values)
    except Unknown as why:
        return Fit(recipe=recipe, gpus=count, source=source, unknown=str(why))
    needs = needs_of(recipe, shape, count)
    known = measured.read(setup_of(recipe, shape, count)) if needs and remember else {}
    return Fit(
        recipe=recipe,
        gpus=count,
        shape=shape,
        source=source,
        stages=tuple(StageFit(need, known.get(need.stage)) for need in needs),
        unknown="" if needs else _unweighed(recipe),
    )


def needs_of(recipe: Recipe, shape: Shape, gpus: int) -> tuple[StageNeed, ...]:
    """The stages' needs as the recipe's engine says them; () where it says none."""
    engine = registry.get(recipe.engine_name)
    if not isinstance(engine, Weighs):
        return ()
    return engine.memory(recipe, registry.release(recipe.engine), shape, gpus)


def _unweighed(recipe: Recipe) -> str:
    return say(
        f"{recipe.engine_name} does not say what its stages take",
        f"{recipe.engine_name} 没有说明各阶段占用多少",
    )


def setup_of(recipe: Recipe, shape: Shape, gpus: int) -> str:
    """The digest under which a measured peak of this recipe is kept.

    Rates, seeds and rows do not change memory: another recipe with the same values is the same.
    """
    train = recipe.train.model_dump()
    for key in ("learning_rate", "epochs", "max_steps", "seed", "weight_decay", "warmup_ratio"):
        train.pop(key)
    for key in ("scheduler", "save_steps", "save_total_limit", "logging_steps", "report_to"):
        train.pop(key)
    facts = {
        "engine": recipe.engine,
        "shape": vars(shape),
        "train": {**train, "gpus": gpus},
        "export": recipe.export.model_dump(),
        "options": recipe.engine_options,
    }
    return measured.setup(facts)
