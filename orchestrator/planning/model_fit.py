"""What the tables of the engines say of a recipe's model: refused, warned of, and what fits.

A release that cannot make a model of it is a fault; one on which a step may fail is a warning. Both
have the file and line of ``model.id`` and name the releases of any engine that were seen to work.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.base.language import say
from orchestrator.base.text import listed
from orchestrator.engines import registry
from orchestrator.engines.model_code import Family, Steps, Word, family_of, native_of
from orchestrator.engines.protocol import Engine, KnowsOwnCode
from orchestrator.envs import locks
from orchestrator.envs.release import Release
from orchestrator.recipe.faults import Fault, Mark, Objection
from orchestrator.recipe.load import Loaded
from orchestrator.recipe.schema import Model, Recipe

KEY = "model.id"


def steps_on(model: Model, release: Release) -> Steps | None:
    """What the model's own code does on ``release``; None: its kind brings none that is known."""
    engine = registry.get(release.engine)
    family = _family(engine, model)
    return family.on_release(release.version) if family else None


def objections(recipe: Recipe, release: Release) -> Iterator[Objection]:
    """Why ``release`` cannot make a model of the recipe's."""
    steps = steps_on(recipe.model, release)
    if steps is not None and steps.cannot_make_a_model:
        yield Objection(KEY, *_told(recipe.model, release, steps))
    native = native_of(recipe.model.id)
    if native is not None and _transformers(release) < native.since:
        version = ".".join(map(str, _transformers(release)))
        since = ".".join(map(str, native.since))
        what = say(
            f"{release.name} has transformers {version}, which does not know {native.name}",
            f"{release.name} 的 transformers 是 {version}，不认识 {native.name}",
        )
        newer = [one.name for one in registry.all_releases() if _transformers(one) >= native.since]
        why = say(
            f"it came with {since}: {listed(newer)}", f"{since} 才加入：{listed(newer, '或')}"
        )
        yield Objection(KEY, what, why)


def _transformers(release: Release) -> tuple[int, ...]:
    """Major and minor number of the lock's transformers; what has none knows no model."""
    version = locks.load(release).pins().get("transformers", "0.0")
    return tuple(int(part) for part in version.split(".")[:2])


def warnings(loaded: Loaded) -> tuple[Fault, ...]:
    """What may fail on the recipe's release although nothing forbids it, with file and line."""
    recipe = loaded.recipe
    release = registry.release(recipe.engine)
    steps = steps_on(recipe.model, release)
    if steps is None or steps.fits or steps.cannot_make_a_model:
        return ()
    origin = loaded.provenance.get(KEY)
    at = Mark(origin.file or origin.layer, origin.line) if origin else Mark(str(loaded.path))
    return (Fault(at, KEY, *_told(recipe.model, release, steps)),)


def _told(model: Model, release: Release, steps: Steps) -> tuple[str, str]:
    """What is wrong, and what fits, in words."""
    family = _family(registry.get(release.engine), model)
    assert family is not None
    reasons: dict[str, list[str]] = {}
    for name, step in steps.named().items():
        if step.word is not Word.WORKS:
            reasons.setdefault(say(*step.why), []).append(say(*name))
    wrong = "; ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items())
    what = say(
        f"{family.name}'s own code on {release.name}: {wrong}",
        f"{family.name} 自带的代码在 {release.name} 上：{wrong}",
    )
    return what, "; ".join(_choices(family, model))


def _choices(family: Family, model: Model) -> Iterator[str]:
    fitting = [one.name for one in registry.all_releases() if _fits(model, one)]
    if fitting:
        yield say(
            f"seen to work with it: --engine {listed(fitting)}",
            f"实测可用：--engine {listed(fitting, '或')}",
        )
    if family.instead is not None:
        yield say(*family.instead)


def _fits(model: Model, release: Release) -> bool:
    steps = steps_on(model, release)
    return steps is not None and steps.fits


def _family(engine: Engine, model: Model) -> Family | None:
    return family_of(model.id, engine.own_code) if isinstance(engine, KnowsOwnCode) else None
