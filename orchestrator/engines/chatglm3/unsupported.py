"""What a recipe asks for that finetune.py cannot do, key by key, with the nearest choice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orchestrator.base.language import say
from orchestrator.engines.chatglm3 import settings
from orchestrator.engines.upstream import known
from orchestrator.envs.release import Release
from orchestrator.recipe.faults import Objection
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.trust import trusts_remote_code

METHODS = ("full", "ptuning")
TEMPLATES = ("chatglm3",)
#: Keys that the script has no equivalent for, whatever they say.
_LACKING = (
    "liger", "neftune_alpha", "freeze_layers", "lora.rank", "lora.alpha", "lora.dropout",
    "preference.beta", "preference.loss", "preference.sft_share",
)  # fmt: skip
#: Flags that a run decides itself, and what to set in their place.
OWNED = {
    "model_name_or_path": (
        "the recipe's model is used: set model.id or model.path",
        "使用配方的模型：请设置 model.id 或 model.path",
    ),
    "train_file": (
        "the run's own rows are used: set data.sources",
        "使用此次运行自己的数据：请设置 data.sources",
    ),
    "train_format": (
        "it follows from the rows: set data.rows to chatglm3 or prompt-response",
        "由数据的格式决定：请把 data.rows 设为 chatglm3 或 prompt-response",
    ),
    "output_dir": ("a run keeps its own output folder", "每次运行有自己的输出文件夹"),
    "resume_from_checkpoint": (
        "a run goes on from its own newest checkpoint",
        "每次运行从自己最新的检查点继续",
    ),
    "max_seq_length": ("set train.max_length", "请设置 train.max_length"),
    "deepspeed": ("set train.deepspeed: zero2", "请设置 train.deepspeed: zero2"),
    "overwrite_output_dir": ("nothing of a run is overwritten", "不会覆盖任何运行的内容"),
}


#: Flags that the script's parser takes and nothing of it reads, and what to set in their place.
_UNUSED = {
    "cache_dir": ("HF_HOME is what transformers reads", "transformers 读取的是 HF_HOME"),
    "config_name": ("set model.path", "请设置 model.path"),
    "max_train_samples": ("set train.max_samples", "请设置 train.max_samples"),
    "model_revision": ("set model.revision", "请设置 model.revision"),
    "overwrite_cache": ("it keeps no cache", "它没有缓存"),
    "pad_to_max_length": ("it always pads to the full length", "它总是填充到最大长度"),
    "resize_position_embeddings": ("the model's positions are computed", "模型的位置是计算出来的"),
    "tokenizer_name": ("the tokenizer is the model's", "使用模型自己的分词器"),
    "use_auth_token": ("HF_TOKEN is what transformers reads", "transformers 读取的是 HF_TOKEN"),
    "use_fast_tokenizer": (
        "the model's own tokenizer has no fast form",
        "模型自己的分词器没有 fast 版本",
    ),
}


def unsupported(recipe: Recipe, release: Release) -> list[Objection]:
    """Every key whose value has no equivalent in ``release``."""
    flags = known.known_flags(settings.FLAGS / f"{release.version}.json")
    return [
        *_method(recipe),
        *_training(recipe),
        *_model(recipe),
        *known.words(recipe, flags),
        *known.sources(recipe),
        *known.objections(recipe.engine_options, flags, OWNED),
        *_silent(recipe),
    ]


def _silent(recipe: Recipe) -> Iterator[Objection]:
    """Options that the script would take without a word, to no effect or to another."""
    for name in sorted(_UNUSED.keys() & recipe.engine_options.keys()):
        what = say("is taken by the script and used nowhere", "脚本接受它，但从不使用")
        yield Objection(f"engine_options.{name}", what, say(*_UNUSED[name]))
    place = recipe.engine_options.get("ptuning_checkpoint")
    if place is not None and not Path(str(place)).is_absolute():
        what = say("is a relative path", "是相对路径")
        why = say(f"{place} would be looked for in the run", f"会在运行目录中查找 {place}")
        yield Objection("engine_options.ptuning_checkpoint", what, why, str(Path(place).resolve()))


def _method(recipe: Recipe) -> Iterator[Objection]:
    train, options = recipe.train, recipe.engine_options
    if train.stage != "sft":
        yield Objection(
            "train.stage", say("it trains on answers alone", "只支持监督微调"), meant="sft"
        )
    if train.method not in METHODS:
        what = say(f"finetune.py has no {train.method}", f"finetune.py 不支持 {train.method}")
        why = say("it trains every weight, or a prefix", "它训练全部权重，或训练前缀")
        yield Objection("train.method", what, why, "ptuning")
    if train.method == "full":
        why = say("a quantised weight has no gradient", "量化后的权重没有梯度")
        for name in ("quantization_bit", "pre_seq_len", "prefix_projection", "ptuning_checkpoint"):
            if options.get(name):
                what = say("belongs to train.method ptuning", "属于 train.method ptuning")
                at = f"engine_options.{name}"
                yield Objection(at, what, why if name == "quantization_bit" else "")
    for name, key in (("pre_seq_len", "prefix_length"), ("quantization_bit", "quantization_bit")):
        own = getattr(train.ptuning, key)
        if name in options and own not in (None, options[name]):
            what = say(
                f"says {options[name]}, train.ptuning.{key} says {own}",
                f"写的是 {options[name]}，而 train.ptuning.{key} 是 {own}",
            )
            yield Objection(f"engine_options.{name}", what)
    if options.get("quantization_bit") not in (None, 4, 8):
        what = say("must be 4 or 8", "必须是 4 或 8")
        yield Objection("engine_options.quantization_bit", what)


def _training(recipe: Recipe) -> Iterator[Objection]:
    train = recipe.train
    for key in _LACKING:
        group, _, inner = key.rpartition(".")
        if getattr(getattr(train, group) if group else train, inner) is not None:
            yield Objection(
                f"train.{key}", say("finetune.py has no such switch", "finetune.py 没有这个选项")
            )
    if train.deepspeed not in (None, settings.DEEPSPEED):
        what = say("the tutorial's DeepSpeed file is ZeRO-2", "教程的 DeepSpeed 配置是 ZeRO-2")
        why = say(
            "under ZeRO-3 the script would save parts of weights as the whole model",
            "在 ZeRO-3 下，脚本会把部分权重当作整个模型保存",
        )
        yield Objection("train.deepspeed", what, why, settings.DEEPSPEED)
    if train.deepspeed and settings.is_ptuning(recipe):
        what = say("a prefix is trained without DeepSpeed", "训练前缀不用 DeepSpeed")
        why = say(
            "the script turns the prefix to 32 bits and the model to 16, which DeepSpeed undoes",
            "脚本让前缀为 32 位、模型为 16 位，而 DeepSpeed 会改变它们",
        )
        yield Objection("train.deepspeed", what, why, "null")
    if train.gradient_checkpointing is False:
        what = say("the script always checkpoints gradients", "脚本总是使用梯度检查点")
        yield Objection("train.gradient_checkpointing", what, meant="true")
    if train.flash_attention not in (None, "auto"):
        what = say("the model's own code chooses its attention", "注意力的实现由模型自己的代码决定")
        yield Objection("train.flash_attention", what, meant="auto")
    if recipe.evaluate.validation_share:
        what = say("the script computes no loss on held-out rows", "脚本不在留出的数据上计算损失")
        yield Objection("evaluate.validation_share", what, meant="0")
    for key, value in (("template_file", recipe.template_file), ("trust_code", recipe.trust_code)):
        if value:
            what = say("this engine reads flags alone", "此引擎只读取命令行参数")
            yield Objection(
                key, what, say("say them in engine_options", "请写在 engine_options 中")
            )


def _model(recipe: Recipe) -> Iterator[Objection]:
    model = recipe.model
    if model.template not in TEMPLATES:
        what = say(
            f"the script writes ChatGLM3's own marks, whatever {model.template} says",
            f"脚本总是写入 ChatGLM3 自己的标记，与 {model.template} 无关",
        )
        yield Objection("model.template", what, meant=TEMPLATES[0])
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
