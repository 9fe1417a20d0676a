"""The smallest change of a recipe that fits a card, as settings that can be typed.

Changes are tried from the gentlest on. Each has a price, by what it changes of the result: a
smaller batch with as many more steps added up changes nothing, 4 bits change a little, shorter
rows cut data, an adapter instead of every weight is another training.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.fit.cards import Card
from orchestrator.fit.formulas import StageNeed
from orchestrator.fit.shape import Shape
from orchestrator.planning.feasible import objections
from orchestrator.preflight.fitting import needs_of
from orchestrator.recipe.schema import Recipe

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Option:
    """One way to say some keys, and its price."""

    settings: Settings
    price: float = 0


_AS_IT_IS = Option({})


def smallest_change(recipe: Recipe, shape: Shape, card: Card, gpus: int) -> Settings | None:
    """The cheapest settings (dotted key -> value) with which every stage fits ``card``.

    {} when it fits as it is; None when nothing that is known helps.
    """
    found = sorted(itertools.product(*_dimensions(recipe, gpus)), key=_price)
    for options in found:
        settings = {key: value for one in options for key, value in one.settings.items()}
        changed = changed_by(recipe, settings)
        if _fits(needs_of(changed, shape, gpus), card) and not any(
            objections(changed.engine, changed)
        ):
            return settings
    return None


def changed_by(recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe with these values by their dotted keys."""
    for key, value in settings.items():
        recipe = _with(recipe, key.split("."), value)
    return recipe


def _with(value: Any, path: list[str], new: Any) -> Any:
    inner = new if len(path) == 1 else _with(getattr(value, path[0]), path[1:], new)
    return value.model_copy(update={path[0]: inner})


def _fits(needs: tuple[StageNeed, ...], card: Card) -> bool:
    sizes = [need.gpu.total for need in needs]
    return all(size is not None and size <= card.bytes for size in sizes)


def _price(options: tuple[Option, ...]) -> tuple[float, int]:
    return sum(one.price for one in options), sum(len(one.settings) for one in options)


def _dimensions(recipe: Recipe, gpus: int) -> Iterator[list[Option]]:
    yield list(_batches(recipe))
    yield list(_devices(recipe))
    yield list(_kernels(recipe))
    yield list(_methods(recipe, gpus))
    yield list(_optimizers(recipe))
    yield list(_ranks(recipe))
    yield list(_lengths(recipe))


def _batches(recipe: Recipe) -> Iterator[Option]:
    """Halves of the batch, with as many more steps added up: the same optimizer steps."""
    yield _AS_IT_IS
    batch, accumulate = recipe.train.batch_size, recipe.train.accumulate
    price = 1.0
    while batch % 2 == 0:
        batch, accumulate = batch // 2, accumulate * 2
        yield Option({"train.batch_size": batch, "train.accumulate": accumulate}, price)
        price += 0.1
    if batch > 1:
        whole = {"train.batch_size": 1, "train.accumulate": accumulate * batch}
        yield Option(whole, price)


def _devices(recipe: Recipe) -> Iterator[Option]:
    """Merging on the host: slower, the same weights."""
    yield _AS_IT_IS
    if recipe.export.device != "cpu":
        yield Option({"export.device": "cpu"}, 0.5)


def _kernels(recipe: Recipe) -> Iterator[Option]:
    """Attention that does not write its scores: the same figures."""
    yield _AS_IT_IS
    if recipe.train.flash_attention == "disabled":
        yield Option({"train.flash_attention": "sdpa"}, 0.5)


def _methods(recipe: Recipe, gpus: int) -> Iterator[Option]:
    """Less is trained, or held in fewer bits, or spread over GPUs and host."""
    yield _AS_IT_IS
    method, deepspeed = recipe.train.method, recipe.train.deepspeed
    if method == "lora":
        plain = {} if deepspeed in (None, "zero2") else {"train.deepspeed": None}
        yield Option({"train.method": "qlora", **plain}, 3)
    if method == "ptuning":
        for bits, price in ((8, 3), (4, 4)):
            yield Option({"train.ptuning.quantization_bit": bits}, price)
    if method not in ("full", "freeze"):
        return
    spread = (("zero2", 2), ("zero3", 2.2)) if gpus > 1 else ()
    for name, price in (*spread, ("zero2_offload", 5), ("zero3_offload", 5.5)):
        if name != deepspeed:
            yield Option({"train.deepspeed": name}, price)
    yield Option({"train.method": "lora", "train.deepspeed": None}, 9)
    yield Option({"train.method": "qlora", "train.deepspeed": None}, 12)


def _optimizers(recipe: Recipe) -> Iterator[Option]:
    """Moments in 8 bits (arXiv:2110.02861); DeepSpeed divides or offloads them instead."""
    yield _AS_IT_IS
    train = recipe.train
    if not train.deepspeed and "8bit" not in (train.optimizer or ""):
        yield Option({"train.optimizer": "PagedAdamW8bit"}, 2.5)


def _ranks(recipe: Recipe) -> Iterator[Option]:
    """A smaller adapter, down to 8."""
    yield _AS_IT_IS
    rank = recipe.train.lora.rank or 64
    if recipe.train.method in ("lora", "qlora"):
        smaller = [size for size in (32, 16, 8) if size < rank]
        yield from (
            Option({"train.lora.rank": size}, 2.6 + n / 2) for n, size in enumerate(smaller)
        )


def _lengths(recipe: Recipe) -> Iterator[Option]:
    """Shorter rows, in steps of an eighth, down to 256 tokens: longer ones are cut."""
    yield _AS_IT_IS
    longest = recipe.train.max_length
    steps = [longest * eighth // 8 for eighth in range(7, 0, -1)]
    steps += [longest // 16, longest // 32]
    for number, length in enumerate(steps, 1):
        rounded = length // 64 * 64
        if rounded >= 256:
            yield Option({"train.max_length": rounded}, 4 + number / 2)
