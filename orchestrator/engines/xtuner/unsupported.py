"""What a recipe asks for and an XTuner release cannot do, known before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from data_tools.nearest import nearest
from orchestrator.base.text import listed
from orchestrator.engines.job import FoundSource, Job
from orchestrator.engines.xtuner import capabilities as can
from orchestrator.engines.xtuner.config import FAMILIES, attempt
from orchestrator.engines.xtuner.template_names import table
from orchestrator.engines.xtuner.values import OPTIMIZERS, SCHEDULERS, TRACKERS
from orchestrator.envs.release import Release
from orchestrator.recipe.faults import Objection
from orchestrator.recipe.schema import Recipe
from orchestrator.rendering.pysource import is_identifier

#: Capability -> key, the value that needs it, and what a release without it does.
NEEDS: Mapping[str, Sequence[tuple[str, object, str]]] = {
    can.NEW_PEFT: (
        ("train.lora.dora", True, "is newer than this release's peft"),
        ("train.lora.rslora", True, "is newer than this release's peft"),
    ),
    can.OPTIONAL_CHECKPOINTING: (
        ("train.gradient_checkpointing", False, "this release always checkpoints"),
    ),
    can.SAFETENSORS: (("export.safe_serialization", True, "this release writes no safetensors"),),
}
#: Keys that XTuner has no equivalent for, whatever they say.
LACKING = (
    "train.liger",
    "train.neftune_alpha",
    "train.freeze_layers",
    "train.preference.beta",
    "train.preference.loss",
    "train.preference.sft_share",
)
#: Names of models that see; XTuner trains those with configs of another kind.
_SEEING = re.compile(r"internvl|llava|xcomposer|minicpm-v|cogvlm|(^|[-_.\d])vl([-_.\d]|$)|vision")
_UNREACHED = "does not reach a hub data set, whose rows XTuner loads itself"
#: Keys of a source whose work the data stage does, and what XTuner has instead.
UNTOUCHED = {
    **dict.fromkeys(("fields", "tags", "format", "columns", "sheet"), "its columns: map_fn"),
    **dict.fromkeys(("system", "clean"), "a map_fn makes the conversation"),
    **dict.fromkeys(("weight", "sample_rows"), "a part of it: split: 'train[:1000]'"),
}
#: Variables that `xtuner train` sets from its own command line, and what says the same here.
OVERRIDDEN = {
    "launcher": "several GPUs of one machine: train.gpus; else give it to the command: "
    "-- --launcher slurm",
    "work_dir": "a run keeps everything in its own folder: recipe run --name NAME",
}


def unsupported(recipe: Recipe, release: Release) -> list[Objection]:
    """Every key that this release has no equivalent for."""
    objections = [
        *_training(recipe, release),
        *_choices(recipe),
        *_model(recipe),
        *_trackers(recipe),
        *_overridden(recipe),
        *_sources(recipe),
    ]
    if recipe.train.stage not in FAMILIES or objections:
        return objections
    sources = tuple(FoundSource(source) for source in recipe.data.sources)
    job = Job(name="recipe", recipe=recipe, release=release, sources=sources)
    return attempt(job)[1] if recipe.engine_options or recipe.template_file else []


def _training(recipe: Recipe, release: Release) -> Iterator[Objection]:
    train = recipe.train
    named = table(release.version).objection(recipe.model.template)
    if named is not None:
        yield named
    if train.stage not in FAMILIES:
        why = f"only {listed(list(FAMILIES), 'and')} are"
        yield Objection("train.stage", f"{train.stage} is not wrapped for XTuner", why)
    if train.method == "freeze":
        why = "it trains all weights or an adapter"
        yield Objection("train.method", "XTuner cannot freeze layers", why, "lora")
    for capability, needed in NEEDS.items():
        for key, value, what in needed if capability not in release.capabilities else ():
            if _value(recipe, key) == value and not (train.method == "full" and "lora" in key):
                yield Objection(key, f"{what} (XTuner {release.version})")
    for key in LACKING:
        if _value(recipe, key) is not None:
            yield Objection(key, "XTuner has no such switch")
    if recipe.evaluate.validation_share:
        why = "it computes no loss on held-out rows"
        yield Objection("evaluate.validation_share", "XTuner has no such thing", why)


def _choices(recipe: Recipe) -> Iterator[Objection]:
    for key, known in (("optimizer", OPTIMIZERS), ("scheduler", SCHEDULERS)):
        word = getattr(recipe.train, key)
        if word is not None and word not in known:
            what = f"XTuner has no {key} {word!r}"
            yield Objection(f"train.{key}", what, listed(list(known)), nearest(word, known))


def _trackers(recipe: Recipe) -> Iterator[Objection]:
    for number, word in enumerate(recipe.train.report_to or ()):
        if word not in TRACKERS:
            what = f"mmengine writes no curves for {word!r}"
            key = f"train.report_to.{number}"
            yield Objection(key, what, listed(list(TRACKERS)), nearest(word, TRACKERS))


def _model(recipe: Recipe) -> Iterator[Objection]:
    seeing = _SEEING.search(recipe.model.id.rpartition("/")[2].casefold())
    if seeing and recipe.template_file is None:
        what = "a vision model is not wrapped for XTuner"
        why = "its templates are those of language models; template_file may bring another"
        yield Objection("model.id", what, why)


def _overridden(recipe: Recipe) -> Iterator[Objection]:
    for key, instead in OVERRIDDEN.items():
        if key in recipe.engine_options:
            what = "xtuner train would overwrite it from its own command line"
            yield Objection(f"engine_options.{key}", what, instead)


def _sources(recipe: Recipe) -> Iterator[Objection]:
    for number, source in enumerate(recipe.data.sources):
        name = source.map_fn
        if name is not None and not (is_identifier(name) and name.endswith("_map_fn")):
            what = f"{name!r} cannot be one of XTuner's map functions"
            why = "names look like oasst1_map_fn or alpaca_map_fn"
            yield Objection(f"data.sources.{number}.map_fn", what, why)
        if source.dataset is not None:
            for key, why in UNTOUCHED.items():
                if getattr(source, key) not in (None, "auto", [], {}):
                    yield Objection(f"data.sources.{number}.{key}", _UNREACHED, why)
    if not any(source.dataset is not None for source in recipe.data.sources):
        return
    if recipe.data.split.train < 1:
        yield Objection("data.split.train", _UNREACHED, "a source's `split` takes a part of it")
    if recipe.data.dedupe is not None:
        yield Objection("data.dedupe", _UNREACHED, "XTuner loads the rows itself")
    if recipe.train.max_samples is not None:
        yield Objection("train.max_samples", _UNREACHED, "a source's `split` takes a part of it")


def _value(recipe: Recipe, key: str) -> object:
    value: object = recipe
    for part in key.split("."):
        value = getattr(value, part)
    return value
