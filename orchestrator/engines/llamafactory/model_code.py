"""Which models' own code fits which release of LLaMA-Factory, and what transformers says where not.

How it was tried: docs/llamafactory.md.
"""

from __future__ import annotations

from orchestrator.engines.model_code import UNKNOWN, Family, Step, Steps, Word, family_of
from orchestrator.envs.release import Release
from orchestrator.recipe.schema import Model

#: The transformers that each release was tried with: the lock's own.
TRIED_WITH = {"0.9.5": "4.57.6", "0.8.3": "4.41.2"}

_NO_PADDING_SIDE = Step(
    Word.DEPENDS,
    (
        "a tokenizer file from before transformers 4.45 cannot be used outside of the engine; the "
        "check stage looks into the file and stops",
        "为 4.45 以前的 transformers 写的分词器文件在引擎之外无法使用；check 步骤会检查该文件"
        "并停下",
    ),
)


_IN_2024 = Step(
    Word.UNTRIED,
    (
        "the tutorial's own choice, not tried again; revisions from 12 August 2024 on want "
        "transformers 4.44",
        "教程的选择，未再次尝试；2024 年 8 月 12 日起的版本需要 transformers 4.44",
    ),
)


def _fails(english: str, chinese: str) -> Step:
    return Step(Word.FAILS, (english, chinese))


TABLE: tuple[Family, ...] = (
    Family(
        name="ChatGLM3",
        ids=r"chatglm3",
        on={
            "0.9.5": Steps(
                save=_NO_PADDING_SIDE,
                chat=_fails(
                    "its generation looks for num_hidden_layers", "生成时缺少 num_hidden_layers"
                ),
            ),
            "0.8.3": Steps(lost_tokenizer=True),
        },
    ),
    Family(
        name="InternLM2",
        ids=r"internlm2",
        on={
            "0.9.5": Steps(
                chat=Step(
                    Word.DEPENDS,
                    (
                        "an older copy's generation looks for get_max_length",
                        "较旧的副本在生成时调用 get_max_length",
                    ),
                )
            ),
            "0.8.3": Steps(),
        },
    ),
    Family(name="InternLM", ids=r"internlm-(chat-)?\d+b", on={"0.8.3": Steps()}),
    Family(
        name="GLM-4",
        ids=r"glm-?4-9b(?!.*-hf$)",
        on={
            "0.9.5": Steps(train=UNKNOWN, save=_NO_PADDING_SIDE, chat=UNKNOWN),
            "0.8.3": Steps(train=_IN_2024, save=_IN_2024, chat=_IN_2024),
        },
        instead=(
            "without code of its own: --engine llamafactory@0.9.5 "
            "--set model.id=ZhipuAI/glm-4-9b-chat-hf",
            "无需自带代码：--engine llamafactory@0.9.5 --set model.id=ZhipuAI/glm-4-9b-chat-hf",
        ),
    ),
)


def loses_tokenizer(model: Model, release: Release) -> bool:
    """Whether an export by ``release`` stores a tokenizer of this model that cannot be loaded."""
    family = family_of(model.id, TABLE)
    return family is not None and family.on_release(release.version).lost_tokenizer
