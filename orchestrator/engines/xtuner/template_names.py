"""The prompt templates of XTuner, ``xtuner.utils.PROMPT_TEMPLATE`` of each release.

``tests/engine/test_template_names.py`` asks each release for its names.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.engines.templates import TemplateTable
from orchestrator.recipe.schema import Recipe

_OLD = frozenset(
    {
        "baichuan2_chat", "baichuan_chat", "chatglm2", "chatglm3", "code_llama_chat", "default",
        "internlm_chat", "llama2_chat", "moss_sft", "qwen_chat", "wizardlm", "zephyr",
    }
)  # fmt: skip
#: Release version -> every name in its registry.
KNOWN: Mapping[str, frozenset[str]] = {
    "0.1.9": _OLD,
    "0.2.0": _OLD
    | frozenset(
        {
            "cohere_chat", "deepseek_coder", "deepseek_moe", "deepseek_v2", "deepseekcoder",
            "gemma", "internlm2_chat", "llama3_chat", "minicpm", "minicpm3", "mistral", "mixtral",
            "phi3_chat", "vicuna", "wizardcoder",
        }
    ),
}  # fmt: skip
#: Words that recipes for other engines use.
_ALIASES = {
    "cohere": "cohere_chat",
    "cpm4": "minicpm3",
    "deepseek": "deepseek_v2",
    "intern2": "internlm2_chat",
    "llama2": "llama2_chat",
    "llama3": "llama3_chat",
    "phi": "phi3_chat",
    "qwen": "qwen_chat",
}
_SAME_MARKS = ("qwen_chat has the same marks", "qwen_chat 的标记相同")
_INSTEAD = {
    "chatml": _SAME_MARKS,
    "glm4": (
        "a ChatGLM3 model with chatglm3 is the nearest",
        "最接近的是用 chatglm3 的 ChatGLM3 模型",
    ),
    "qwen3": (
        "qwen_chat is for Qwen models without thinking",
        "qwen_chat 适用于不带思考的 Qwen 模型",
    ),
    "qwen3_nothink": _SAME_MARKS,
    "yi": _SAME_MARKS,
}


def table(version: str) -> TemplateTable:
    """The names of one release."""
    return TemplateTable(
        engine=f"xtuner@{version}", known=KNOWN[version], aliases=_ALIASES, instead=_INSTEAD
    )


def template(recipe: Recipe) -> str:
    """The recipe's prompt template under XTuner's own name, which goes into code as it is."""
    name = table(recipe.engine_version).own(recipe.model.template)
    if not name.isidentifier():
        raise UsageError(
            say(f"{name!r} cannot be a prompt template.", f"{name!r} 不能用作对话模板。"),
            where="model.template",
        )
    return name
