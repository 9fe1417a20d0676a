"""One prompt template under the engines' own names.

Every name here exists in that engine's registry: tests/engine/test_template_names.py asks each
engine in its own environment. A recipe may use the word of any engine; the engine that runs it
translates. None: the engine has no such template.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.base.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Named:
    """One template. ``nearest`` is what to use instead where an engine lacks it, in words."""

    xtuner: tuple[str, ...] = ()
    llamafactory: str | None = None
    nearest: str = ""

    def under(self, engine: str) -> tuple[str, ...]:
        """The names in one engine, the usual one first."""
        name = getattr(self, engine)
        return name if isinstance(name, tuple) else (name,) if name else ()


_OTHER_MODEL = "train another model with a template that both engines have"
TABLE: tuple[Named, ...] = (
    Named(
        xtuner=("internlm_chat",),
        nearest="InternLM-Chat of the first generation has no template there; the nearest is an "
        "InternLM2.5 model with internlm2_chat: --set "
        "model.id=Shanghai_AI_Laboratory/internlm2_5-7b-chat --set model.revision=null "
        "--set model.template=internlm2_chat",
    ),
    Named(xtuner=("internlm2_chat",), llamafactory="intern2"),
    Named(xtuner=("chatglm3",), llamafactory="chatglm3"),
    Named(llamafactory="glm4", nearest=_OTHER_MODEL),
    Named(xtuner=("qwen_chat",), llamafactory="qwen"),
    Named(llamafactory="qwen3", nearest="qwen_chat, for Qwen models without thinking"),
    Named(llamafactory="qwen3_nothink", nearest="qwen_chat has the same marks"),
    Named(xtuner=("llama2_chat",), llamafactory="llama2"),
    Named(xtuner=("llama3_chat",), llamafactory="llama3"),
    Named(xtuner=("mistral", "mixtral"), llamafactory="mistral"),
    Named(xtuner=("gemma",), llamafactory="gemma"),
    Named(xtuner=("phi3_chat",), llamafactory="phi"),
    Named(xtuner=("cohere_chat",), llamafactory="cohere"),
    Named(xtuner=("vicuna",), llamafactory="vicuna"),
    Named(xtuner=("zephyr",), llamafactory="zephyr"),
    Named(xtuner=("deepseekcoder", "deepseek_coder"), llamafactory="deepseekcoder"),
    Named(xtuner=("deepseek_v2",), llamafactory="deepseek"),
    Named(xtuner=("minicpm3",), llamafactory="cpm4"),
    Named(xtuner=("chatglm2",), nearest="a ChatGLM3 model with chatglm3"),
    Named(xtuner=("moss_sft",), nearest=_OTHER_MODEL),
    Named(xtuner=("baichuan_chat",), nearest=_OTHER_MODEL),
    Named(xtuner=("baichuan2_chat",), nearest=_OTHER_MODEL),
    Named(xtuner=("code_llama_chat",), nearest="llama2"),
    Named(xtuner=("deepseek_moe",), nearest="deepseek, for DeepSeek chat models"),
    Named(xtuner=("wizardlm",), nearest="vicuna has the same words"),
    Named(xtuner=("wizardcoder",), nearest="alpaca has nearly the same words"),
    Named(xtuner=("minicpm",), nearest="a MiniCPM3 model with minicpm3"),
    Named(llamafactory="chatml", nearest="qwen_chat has the same marks"),
    Named(llamafactory="yi", nearest="qwen_chat has the same marks"),
)


def translated(template: str, engine: str) -> str:
    """The template's name in ``engine``; a name that is in no row is left for the engine to judge.

    Raises :class:`UsageError` with the nearest choice when the engine is known to lack it.
    """
    for named in TABLE:
        if template in named.under(engine):
            return template
    for named in TABLE:
        if template not in (*named.xtuner, named.llamafactory):
            continue
        own = named.under(engine)
        if own:
            return own[0]
        raise UsageError(
            f"{engine} has no prompt template like {template!r}.",
            where="model.template",
            why="training and chat with another template would teach the model the wrong marks",
            fix=named.nearest,
        )
    return template
