"""What a recipe asks for that LLaMA-Factory cannot do, key by key, with the nearest choice."""

from __future__ import annotations

from collections.abc import Iterator

from data_tools.nearest import nearest
from orchestrator.base.language import say
from orchestrator.base.text import listed
from orchestrator.engines.llamafactory import entries, options
from orchestrator.engines.llamafactory.dataset import names
from orchestrator.engines.llamafactory.model_code import loses_tokenizer
from orchestrator.engines.llamafactory.settings import OPTIMIZERS, finetuning_type
from orchestrator.engines.llamafactory.template_names import table
from orchestrator.engines.llamafactory.words import Words, words
from orchestrator.envs.release import Release
from orchestrator.recipe.faults import Objection
from orchestrator.recipe.schema import Recipe


def unsupported(recipe: Recipe, release: Release) -> list[Objection]:
    """Every key whose value has no equivalent in ``release``."""
    known = words(release.version)
    return [
        *_template(recipe, release),
        *_newer_keys(recipe, known),
        *_changed_tokenizer(recipe, release),
        *_code(recipe),
        *_method(recipe),
        *_words(recipe, known),
        *_preference(recipe, known),
        *entries.objections(recipe),
        *_own_rows(recipe),
        *options.objections(recipe.engine_options, known),
        *options.variable_objections(recipe.env),
    ]


def _template(recipe: Recipe, release: Release) -> Iterator[Objection]:
    option = recipe.engine_options.get("template")
    key = "engine_options.template" if option else "model.template"
    found = table(release.version).objection(str(option or recipe.model.template), key)
    if found is not None:
        yield found


def _newer_keys(recipe: Recipe, known: Words) -> Iterator[Objection]:
    """Values of the recipe that need a native key which the release does not have."""
    train, shuffle = recipe.train, recipe.data.shuffle
    needed = (
        ("train.liger", train.liger is not None, "enable_liger_kernel", "null"),
        ("data.shuffle", not shuffle, "disable_shuffling", "true"),
    )
    for key, asked, native, meant in needed:
        if asked and native not in known.train:
            what = say(f"this release has no {native}", f"此版本没有 {native}")
            yield Objection(key, what, "", meant)


def _changed_tokenizer(recipe: Recipe, release: Release) -> Iterator[Objection]:
    """New tokens are lost where the base model's tokenizer files go over the exported ones."""
    if not (recipe.export.merge and loses_tokenizer(recipe.model, release)):
        return
    for option in ("new_special_tokens", "resize_vocab"):
        if recipe.engine_options.get(option):
            what = say("cannot be exported by this release", "此版本无法导出")
            why = say(
                "it stores a tokenizer of this model that cannot be loaded again, and the base "
                "model's own has no new tokens",
                "它保存的该模型分词器无法再次加载，而原分词器没有新的词元",
            )
            yield Objection(f"engine_options.{option}", what, why)


def _code(recipe: Recipe) -> Iterator[Objection]:
    """The files of this engine hold values alone."""
    if recipe.template_file is not None:
        what = say(
            "this engine reads YAML, which needs no template of one's own",
            "该引擎读取 YAML，不需要自己的模板",
        )
        yield Objection(
            "template_file",
            what,
            say("every key can be said in engine_options", "所有的键都可以写在 engine_options 下"),
        )
    if recipe.trust_code:
        yield Objection(
            "trust_code",
            say("this engine's options name no code", "该引擎的选项不涉及代码"),
            say("remove it", "去掉它"),
        )


def _method(recipe: Recipe) -> Iterator[Objection]:
    alpha = recipe.train.lora.alpha
    if alpha is not None and alpha != int(alpha):
        why = say(
            "round it, and change the rank in the same proportion", "请取整，并按同样比例修改 rank"
        )
        what = say(
            f"must be a whole number here, not {alpha:g}", f"在这里必须是整数，而不是 {alpha:g}"
        )
        yield Objection("train.lora.alpha", what, why, str(round(alpha)))
    if recipe.export.max_shard_size.endswith("MB"):
        size = recipe.export.max_shard_size
        what = say(
            f"shards are whole gigabytes here, not {size}", f"分片必须是整数 GB，而不是 {size}"
        )
        yield Objection("export.max_shard_size", what, meant="1GB")
    own = {
        "stage": ("train.stage", recipe.train.stage),
        "finetuning_type": ("train.method", finetuning_type(recipe)),
    }
    for option, (key, value) in own.items():
        other = recipe.engine_options.get(option, value)
        if other == value:
            continue
        what = say(
            f"says {other}, and the recipe's {key} makes it {value}",
            f"写的是 {other}，而配方的 {key} 决定了它是 {value}",
        )
        why = say("rows, stages and what must come out depend on it", "数据、步骤和产物都取决于它")
        if other in ("oft", "ppo"):
            why = say(
                f"{other} is not wrapped: it is nothing that a run can prove or export",
                f"不支持 {other}：运行无法验证或导出其结果",
            )
        yield Objection(f"engine_options.{option}", what, why)


def _words(recipe: Recipe, known: Words) -> Iterator[Objection]:
    train, native = recipe.train, recipe.engine_options
    trackers = (*known.trackers, "all", "none")
    optimizer = OPTIMIZERS.get(train.optimizer or "", train.optimizer)
    asked = (
        ("train.optimizer", optimizer, (*OPTIMIZERS, *known.optimizers)),
        ("engine_options.optim", native.get("optim"), known.optimizers),
        ("train.scheduler", train.scheduler, known.schedulers),
        ("engine_options.lr_scheduler_type", native.get("lr_scheduler_type"), known.schedulers),
        *(("train.report_to", tracker, trackers) for tracker in train.report_to or ()),
    )
    for key, word, choices in asked:
        if word is not None and word not in choices:
            what = say(f"the engine knows no {word!r}", f"引擎不认识 {word!r}")
            yield Objection(key, what, listed(choices), nearest(str(word), choices))


def _preference(recipe: Recipe, known: Words) -> Iterator[Objection]:
    stage, preference = recipe.train.stage, recipe.train.preference
    used = {"dpo": ("beta", "loss", "sft_share"), "kto": ("beta", "sft_share")}.get(stage, ())
    for key, value in preference.model_dump(exclude_none=True).items():
        at = f"train.preference.{key}"
        losses = [str(word) for word in known.train["pref_loss"]]
        if key not in used:
            yield Objection(at, say(f"does nothing in the stage {stage}", f"对 {stage} 不起作用"))
        elif key == "loss" and value not in losses:
            what = say(f"cannot be {value!r}", f"不能是 {value!r}")
            yield Objection(at, what, listed(losses), nearest(value, losses))


def _own_rows(recipe: Recipe) -> Iterator[Objection]:
    """Names of data sets in the options must be in the run's own list, unless a folder is given."""
    given = recipe.engine_options
    if given.get("dataset_dir") or given.get("tokenized_path"):
        return
    own = names(recipe)
    if not own:
        what = say("every source has the weight 0", "所有数据源的 weight 都是 0")
        yield Objection("data.sources", what)
    for key in ("dataset", "eval_dataset"):
        value = given.get(key) or []
        for name in value if isinstance(value, list) else str(value).split(","):
            if str(name).strip() not in own:
                why = say(
                    f"it has {listed(own, 'and')}; give more of them as data.sources, or name the "
                    "folder of another list with engine_options.dataset_dir",
                    f"现有 {listed(own, '和')}；请写进 data.sources，或用 "
                    "engine_options.dataset_dir 指定另一个列表所在的文件夹",
                )
                what = say(f"no data set of the run is called {name}", f"运行中没有数据集 {name}")
                yield Objection(f"engine_options.{key}", what, why, nearest(str(name), own))
