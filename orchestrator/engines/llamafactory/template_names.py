"""The prompt templates of LLaMA-Factory: a recipe's words, and what to do where one is missing."""

from __future__ import annotations

from orchestrator.engines.llamafactory.words import words
from orchestrator.engines.templates import TemplateTable
from orchestrator.recipe.schema import Recipe

#: Words that recipes for other engines use.
_ALIASES = {
    "cohere_chat": "cohere",
    "deepseek_coder": "deepseekcoder",
    "deepseek_v2": "deepseek",
    "internlm2_chat": "intern2",
    "internlm_chat": "intern",  # releases before 0.9 have it
    "llama2_chat": "llama2",
    "llama3_chat": "llama3",
    "minicpm3": "cpm4",
    "mixtral": "mistral",
    "phi3_chat": "phi",
    "qwen_chat": "qwen",
}
_NOTHING_NEAR = ("train another model, whose template is here", "请训练另一个有模板的模型")
_INSTEAD = {
    "internlm_chat": (
        "InternLM-Chat of the first generation has no template here; the nearest is "
        "an InternLM2.5 model with internlm2_chat: --set "
        "model.id=Shanghai_AI_Laboratory/internlm2_5-7b-chat --set model.revision=null "
        "--set model.template=internlm2_chat",
        "第一代 InternLM-Chat 在这里没有模板；最接近的是用 internlm2_chat 的 InternLM2.5 模型："
        "--set model.id=Shanghai_AI_Laboratory/internlm2_5-7b-chat --set model.revision=null "
        "--set model.template=internlm2_chat",
    ),
    "baichuan2_chat": _NOTHING_NEAR,
    "baichuan_chat": _NOTHING_NEAR,
    "chatglm2": (
        "a ChatGLM3 model with chatglm3 is the nearest",
        "最接近的是用 chatglm3 的 ChatGLM3 模型",
    ),
    "code_llama_chat": ("llama2 is the nearest", "最接近的是 llama2"),
    "deepseek_moe": (
        "deepseek, for DeepSeek chat models, is the nearest",
        "最接近的是用于 DeepSeek 对话模型的 deepseek",
    ),
    "minicpm": (
        "a MiniCPM3 model with minicpm3 is the nearest",
        "最接近的是用 minicpm3 的 MiniCPM3 模型",
    ),
    "moss_sft": _NOTHING_NEAR,
    "wizardcoder": ("alpaca has nearly the same words", "alpaca 的文字几乎相同"),
    "wizardlm": ("vicuna has the same words", "vicuna 的文字相同"),
}


def table(version: str) -> TemplateTable:
    """The names of one release."""
    known = words(version).templates
    return TemplateTable(
        engine=f"llamafactory@{version}",
        known=known,
        aliases={word: name for word, name in _ALIASES.items() if name in known},
        instead=_INSTEAD,
    )


def template(recipe: Recipe) -> str:
    """The recipe's template under this engine's own name; an option of the engine wins."""
    option = recipe.engine_options.get("template")
    return str(option) if option else table(recipe.engine_version).own(recipe.model.template)


def export_template(recipe: Recipe) -> str:
    """The template that the export names: it only goes into the Modelfile and the tokenizer.

    Where the release cannot write an Ollama Modelfile for it, the export ends with a traceback
    after the weights are saved.
    """
    name = template(recipe)
    return "empty" if name in words(recipe.engine_version).without_modelfile else name


def sees(recipe: Recipe) -> bool:
    """Whether the template is of a model that sees or hears."""
    return template(recipe) in words(recipe.engine_version).multimodal
