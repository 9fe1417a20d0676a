"""Models that bring their own Python code: what of it fits the transformers of a release.

A repository's code is bound to the transformers of its time, and a rehearsal on a stand-in shows
nothing of it. What was tried, and how: docs/decisions/llamafactory-files.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.base.language import say
from orchestrator.recipe.schema import Recipe

#: The same words in English and Chinese.
Text = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class OwnCode:
    """One family's code on one release; a step that has no words works."""

    family: str
    ids: str
    """Pattern of the model ids, in any case."""
    train: Text | None = None
    save: Text | None = None
    chat: Text | None = None
    instead: Text
    """What fits."""

    @property
    def steps(self) -> dict[Text, Text]:
        """What does not work: the step's name -> why."""
        named = {
            ("training", "训练"): self.train,
            ("saving", "保存"): self.save,
            ("chat", "对话"): self.chat,
        }
        return {name: why for name, why in named.items() if why is not None}


@dataclass(frozen=True, kw_only=True)
class Fits:
    """What one release does with such code."""

    transformers: str
    """The version that it was tried with; the lock's own."""
    families: tuple[OwnCode, ...]


_NO_PADDING_SIDE = (
    "a tokenizer file from before transformers 4.45 stops it at the first batch; the check stage "
    "looks into the file",
    "为 4.45 以前的 transformers 写的分词器文件会在第一个批次停下；check 步骤会检查该文件",
)
FITS: Mapping[str, Fits] = {
    "0.9.5": Fits(
        transformers="4.57.6",
        families=(
            OwnCode(
                family="ChatGLM3",
                ids=r"chatglm3",
                train=_NO_PADDING_SIDE,
                chat=("its generation looks for num_hidden_layers", "生成时缺少 num_hidden_layers"),
                instead=(
                    "a newer tokenization_chatglm.py trains and is saved; transformers 4.41.2 "
                    "trains and exports the code unchanged; chat wants an older one than this, too",
                    "较新的 tokenization_chatglm.py 可以训练和保存；transformers 4.41.2 "
                    "无需改动即可训练和导出；对话也需要比当前更旧的版本",
                ),
            ),
            OwnCode(
                family="InternLM2",
                ids=r"internlm2",
                chat=(
                    "an older copy's generation looks for get_max_length",
                    "较旧的副本在生成时调用 get_max_length",
                ),
                instead=(
                    "an older transformers for chat; a newer revision of the code was not tried",
                    "对话时使用较旧的 transformers；模型代码的较新版本未试过",
                ),
            ),
            OwnCode(
                family="GLM-4",
                ids=r"glm-?4-9b(?!.*-hf$)",
                train=_NO_PADDING_SIDE,
                instead=(
                    "transformers has this model itself: --set model.id=ZhipuAI/glm-4-9b-chat-hf",
                    "transformers 自带该模型：--set model.id=ZhipuAI/glm-4-9b-chat-hf",
                ),
            ),
        ),
    ),
}


def own_code(recipe: Recipe) -> OwnCode | None:
    """What is known of the recipe's model on its release; None: nothing stands in its way."""
    for family in FITS[recipe.engine_version].families:
        if re.search(family.ids, recipe.model.id, re.IGNORECASE):
            return family
    return None


def warnings(recipe: Recipe) -> Iterator[str]:
    """One line: the steps that the model's own code may not survive, and what fits."""
    known = own_code(recipe)
    if known is None:
        return
    version = FITS[recipe.engine_version].transformers
    steps = "; ".join(f"{say(*name)}: {say(*why)}" for name, why in known.steps.items())
    yield say(
        f"{known.family}'s own code with transformers {version}: {steps}. "
        f"What fits: {known.instead[0]}",
        f"{known.family} 自带的代码与 transformers {version}：{steps}。可用：{known.instead[1]}",
    )
