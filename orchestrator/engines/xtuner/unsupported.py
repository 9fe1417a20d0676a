"""What a recipe asks for and an XTuner release cannot do, known before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from data_tools.nearest import nearest
from orchestrator.base.language import say
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
NEEDS: Mapping[str, Sequence[tuple[str, object, tuple[str, str]]]] = {
    can.NEW_PEFT: (
        ("train.lora.dora", True, ("is newer than this release's peft", "需要比该版本更新的 peft")),
        (
            "train.lora.rslora",
            True,
            ("is newer than this release's peft", "需要比该版本更新的 peft"),
        ),
    ),
    can.OPTIONAL_CHECKPOINTING: (
        (
            "train.gradient_checkpointing",
            False,
            ("this release always checkpoints", "该版本总是使用梯度检查点"),
        ),
    ),
    can.SAFETENSORS: (
        (
            "export.safe_serialization",
            True,
            ("this release writes no safetensors", "该版本不会写 safetensors"),
        ),
    ),
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
_UNREACHED = (
    "does not reach a hub data set, whose rows XTuner loads itself",
    "对平台数据集不起作用，它的行由 XTuner 自己加载",
)
#: Keys of a source whose work the data stage does, and what XTuner has instead.
UNTOUCHED = {
    **dict.fromkeys(
        ("fields", "tags", "format", "columns", "sheet"), ("its columns: map_fn", "它的列：map_fn")
    ),
    **dict.fromkeys(("system", "clean"), ("a map_fn makes the conversation", "对话由 map_fn 生成")),
    **dict.fromkeys(
        ("weight", "sample_rows"),
        ("a part of it: split: 'train[:1000]'", "只取一部分：split: 'train[:1000]'"),
    ),
}
#: Variables that `xtuner train` sets from its own command line, and what says the same here.
OVERRIDDEN = {
    "launcher": (
        "several GPUs of one machine: train.gpus; else give it to the command: -- --launcher slurm",
        "一台机器上的多个 GPU：train.gpus；否则在命令中写：-- --launcher slurm",
    ),
    "work_dir": (
        "a run keeps everything in its own folder: recipe run --name NAME",
        "每次运行的内容都在自己的文件夹中：recipe run --name NAME",
    ),
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
        why = say(
            f"only {listed(list(FAMILIES), 'and')} are", f"只支持 {listed(list(FAMILIES), '和')}"
        )
        yield Objection(
            "train.stage",
            say(f"{train.stage} is not wrapped for XTuner", f"XTuner 不支持 {train.stage}"),
            why,
        )
    if train.method == "freeze":
        why = say("it trains all weights or an adapter", "它训练全部权重，或训练适配器")
        yield Objection(
            "train.method", say("XTuner cannot freeze layers", "XTuner 不能冻结层"), why, "lora"
        )
    for capability, needed in NEEDS.items():
        for key, value, (english, chinese) in (
            needed if capability not in release.capabilities else ()
        ):
            if _value(recipe, key) == value and not (train.method == "full" and "lora" in key):
                yield Objection(
                    key,
                    say(
                        f"{english} (XTuner {release.version})",
                        f"{chinese}（XTuner {release.version}）",
                    ),
                )
    for key in LACKING:
        if _value(recipe, key) is not None:
            yield Objection(key, say("XTuner has no such switch", "XTuner 没有这个选项"))
    if recipe.evaluate.validation_share:
        why = say("it computes no loss on held-out rows", "它不在留出的行上计算损失")
        yield Objection(
            "evaluate.validation_share", say("XTuner has no such thing", "XTuner 没有这个功能"), why
        )


def _choices(recipe: Recipe) -> Iterator[Objection]:
    for key, known in (("optimizer", OPTIMIZERS), ("scheduler", SCHEDULERS)):
        word = getattr(recipe.train, key)
        if word is not None and word not in known:
            what = say(f"XTuner has no {key} {word!r}", f"XTuner 没有 {key} {word!r}")
            yield Objection(f"train.{key}", what, listed(list(known)), nearest(word, known))


def _trackers(recipe: Recipe) -> Iterator[Objection]:
    for number, word in enumerate(recipe.train.report_to or ()):
        if word not in TRACKERS:
            what = say(
                f"mmengine writes no curves for {word!r}", f"mmengine 不能为 {word!r} 写曲线"
            )
            key = f"train.report_to.{number}"
            yield Objection(key, what, listed(list(TRACKERS)), nearest(word, TRACKERS))


def _model(recipe: Recipe) -> Iterator[Objection]:
    seeing = _SEEING.search(recipe.model.id.rpartition("/")[2].casefold())
    if seeing and recipe.template_file is None:
        what = say("a vision model is not wrapped for XTuner", "尚不支持用 XTuner 训练视觉模型")
        why = say(
            "its templates are those of language models; template_file may bring another",
            "它的模板是语言模型的；可以用 template_file 使用别的模板",
        )
        yield Objection("model.id", what, why)


def _overridden(recipe: Recipe) -> Iterator[Objection]:
    for key, instead in OVERRIDDEN.items():
        if key in recipe.engine_options:
            what = say(
                "xtuner train would overwrite it from its own command line",
                "xtuner train 会用自己的命令行参数覆盖它",
            )
            yield Objection(f"engine_options.{key}", what, say(*instead))


def _sources(recipe: Recipe) -> Iterator[Objection]:
    for number, source in enumerate(recipe.data.sources):
        name = source.map_fn
        if name is not None and not (is_identifier(name) and name.endswith("_map_fn")):
            what = say(
                f"{name!r} cannot be one of XTuner's map functions",
                f"{name!r} 不能是 XTuner 的 map 函数",
            )
            why = say(
                "names look like oasst1_map_fn or alpaca_map_fn",
                "名称形如 oasst1_map_fn 或 alpaca_map_fn",
            )
            yield Objection(f"data.sources.{number}.map_fn", what, why)
        if source.dataset is not None:
            for key, instead in UNTOUCHED.items():
                if getattr(source, key) not in (None, "auto", [], {}):
                    yield Objection(f"data.sources.{number}.{key}", say(*_UNREACHED), say(*instead))
    if not any(source.dataset is not None for source in recipe.data.sources):
        return
    if recipe.data.split.train < 1:
        yield Objection(
            "data.split.train",
            say(*_UNREACHED),
            say("a source's `split` takes a part of it", "数据源的 `split` 可以取其中一部分"),
        )
    if recipe.data.dedupe is not None:
        yield Objection(
            "data.dedupe",
            say(*_UNREACHED),
            say("XTuner loads the rows itself", "XTuner 自己加载这些行"),
        )
    if recipe.train.max_samples is not None:
        yield Objection(
            "train.max_samples",
            say(*_UNREACHED),
            say("a source's `split` takes a part of it", "数据源的 `split` 可以取其中一部分"),
        )


def _value(recipe: Recipe, key: str) -> object:
    value: object = recipe
    for part in key.split("."):
        value = getattr(value, part)
    return value
