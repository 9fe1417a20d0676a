"""What a recipe asks for that finetune.py cannot do, key by key, with the nearest choice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.base.language import say
from orchestrator.engines.upstream import known
from orchestrator.engines.xcomposer2 import settings
from orchestrator.envs.release import Release
from orchestrator.recipe.faults import Objection
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.trust import trusts_remote_code

TEMPLATE = "xcomposer2"
#: Keys that the script has no equivalent for, whatever they say.
_LACKING = (
    "liger", "neftune_alpha", "freeze_layers", "flash_attention",
    "preference.beta", "preference.loss", "preference.sft_share",
)  # fmt: skip
#: Flags that a run decides itself, and what to set in their place.
OWNED = {
    "model_name_or_path": (
        "the recipe's model is used: set model.id or model.path",
        "使用配方的模型：请设置 model.id 或 model.path",
    ),
    "data_path": (
        "the run's own list is used: set data.sources",
        "使用此次运行自己的列表：请设置 data.sources",
    ),
    "given_num": (
        "the run's own list has counts: set data.sources.N.sample_rows",
        "此次运行的列表带有行数：请设置 data.sources.N.sample_rows",
    ),
    "batch_size": ("the script pads nothing: only 1 trains", "脚本不做填充：只能用 1 训练"),
    "per_device_train_batch_size": (
        "the script pads nothing: only 1 trains",
        "脚本不做填充：只能用 1 训练",
    ),
    "per_device_eval_batch_size": ("nothing is evaluated", "不做任何评估"),
    "output_dir": ("a run keeps its own output folder", "每次运行有自己的输出文件夹"),
    "resume_from_checkpoint": (
        "a run goes on from its own newest checkpoint",
        "每次运行从自己最新的检查点继续",
    ),
    "use_lora": ("set train.method to lora or full", "请把 train.method 设为 lora 或 full"),
    "max_length": ("set train.max_length", "请设置 train.max_length"),
    "gradient_accumulation_steps": ("set train.accumulate", "请设置 train.accumulate"),
    "learning_rate": ("set train.learning_rate", "请设置 train.learning_rate"),
    "deepspeed": ("set train.deepspeed: zero2", "请设置 train.deepspeed: zero2"),
    "bf16": ("set train.precision", "请设置 train.precision"),
    "fp16": ("set train.precision", "请设置 train.precision"),
    "lora_weight_path": ("the script never reads it", "脚本从不读取它"),
    "label_names": ("the model's code wants the script's own", "模型的代码需要脚本自己的设置"),
}
#: A part of a model's name -> what img_size and hd_num must be, by the tutorial.
_PICTURES = (
    (r"xcomposer2-4khd-7b$", "hd_num", range(1, 1000), "16"),
    (r"xcomposer2-vl-7b$", "img_size", (490,), "490"),
    (r"xcomposer2-7b$", "img_size", (224,), "224"),
)


def unsupported(recipe: Recipe, release: Release) -> list[Objection]:
    """Every key whose value has no equivalent in ``release``."""
    flags = known.known_flags(settings.FLAGS / f"{release.version}.json")
    return [
        *_method(recipe),
        *_training(recipe),
        *_model(recipe),
        *_pictures(recipe),
        *known.words(recipe, flags),
        *known.sources(recipe),
        *known.objections(recipe.engine_options, flags, OWNED),
    ]


def _method(recipe: Recipe) -> Iterator[Objection]:
    train = recipe.train
    if train.stage != "sft":
        what = say("it trains on answers alone", "只支持监督微调")
        yield Objection("train.stage", what, meant="sft")
    if train.method not in settings.FIXED:
        what = say(f"finetune.py has no {train.method}", f"finetune.py 不支持 {train.method}")
        why = say("it trains every weight, or LoRA", "它训练全部权重，或训练 LoRA")
        yield Objection("train.method", what, why, "lora")
    if train.batch_size != 1:
        what = say(
            f"must be 1 here, not {train.batch_size}", f"在这里必须是 1，而不是 {train.batch_size}"
        )
        why = say(
            "the script pads nothing, so rows of one batch do not fit each other; "
            "train.accumulate makes larger steps",
            "脚本不做填充，同一批的数据长度不一致；请用 train.accumulate 增大有效批量",
        )
        yield Objection("train.batch_size", what, why, "1")
    for key in ("dora", "rslora"):
        if getattr(train.lora, key):
            what = say("finetune.py has no such switch", "finetune.py 没有这个选项")
            yield Objection(f"train.lora.{key}", what, meant="false")
    alpha = train.lora.alpha
    if alpha is not None and alpha != int(alpha):
        what = say(f"must be a whole number, not {alpha:g}", f"必须是整数，而不是 {alpha:g}")
        yield Objection("train.lora.alpha", what, meant=str(round(alpha)))


def _training(recipe: Recipe) -> Iterator[Objection]:
    train = recipe.train
    for key in _LACKING:
        group, _, inner = key.rpartition(".")
        if getattr(getattr(train, group) if group else train, inner) not in (None, "auto"):
            what = say("finetune.py has no such switch", "finetune.py 没有这个选项")
            yield Objection(f"train.{key}", what)
    if train.deepspeed is not None and train.deepspeed not in settings.DEEPSPEED:
        what = say("the tutorial's DeepSpeed file is ZeRO-2", "教程的 DeepSpeed 配置是 ZeRO-2")
        why = say(
            "under ZeRO-3 the script writes the whole model where an adapter belongs",
            "在 ZeRO-3 下，脚本会在适配器的位置写入整个模型",
        )
        yield Objection("train.deepspeed", what, why, "zero2")
    if recipe.evaluate.validation_share:
        what = say("the script computes no loss on held-out rows", "脚本不在留出的数据上计算损失")
        yield Objection("evaluate.validation_share", what, meant="0")
    if recipe.export.fp32:
        what = say("the tutorial's merge saves bfloat16", "教程的合并脚本保存 bfloat16")
        yield Objection("export.fp32", what, meant="false")
    for key, value in (("template_file", recipe.template_file), ("trust_code", recipe.trust_code)):
        if value:
            what = say("this engine reads flags alone", "此引擎只读取命令行参数")
            why = say("say them in engine_options", "请写在 engine_options 中")
            yield Objection(key, what, why)


def _model(recipe: Recipe) -> Iterator[Objection]:
    model = recipe.model
    if model.template != TEMPLATE:
        what = say(
            f"the script writes XComposer2's own marks, whatever {model.template} says",
            f"脚本总是写入 XComposer2 自己的标记，与 {model.template} 无关",
        )
        yield Objection("model.template", what, meant=TEMPLATE)
    if not trusts_remote_code(model):
        what = say(
            "the script runs the code that the model brings, whatever is said",
            "脚本总会运行模型自带的代码",
        )
        why = say(
            "nobody said that this model's code is trusted: read it, then set it to true",
            "尚未信任该模型的代码：请先阅读，再设为 true",
        )
        yield Objection("model.trust_remote_code", what, why, "true")


def _pictures(recipe: Recipe) -> Iterator[Objection]:
    """img_size and hd_num follow from the model (the tutorial's README)."""
    options = recipe.engine_options
    for pattern, key, allowed, meant in _PICTURES:
        value = options.get(key, settings.PICTURES[key])
        if not re.search(pattern, recipe.model.id.rstrip("/"), re.I) or not isinstance(value, int):
            continue
        if value not in allowed:
            what = say(
                f"cannot be {value} with {recipe.model.id}",
                f"与 {recipe.model.id} 一起使用时不能是 {value}",
            )
            yield Objection(f"engine_options.{key}", what, meant=meant)
