"""Code that a model brings with its weights: it must fit the release's transformers."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation, Words

_FIX: Words = (
    "take an engine release whose transformers fits, another model.revision, or a folder with "
    "mended code as model.path; to try the engine without the model's code: --rehearse=native",
    "换用 transformers 合适的引擎版本、其他 model.revision，或把 model.path "
    "指向代码已修正的文件夹；不用模型代码、只试引擎：--rehearse=native",
)
#: Errors that come from the machine, the user or the tokens, whatever code they meet.
_OTHERS = (
    "out of memory|OutOfMemory|No space left|CUDA error|KeyboardInterrupt|index out of range in "
    "self"
)

OWN_CODE: tuple[Explanation, ...] = (
    Explanation(
        id="model-code-and-transformers",
        pattern=r"^own code: (?P<what>.+?) cannot be with (?P<with>transformers \S+): "
        r"(?P<error>.+)$",
        scope="traceback",
        cause=(
            "the model's own code does not fit this release's {with} ({what}): {error}",
            "模型自带的代码与此版本的 {with} 不合（{what}）：{error}",
        ),
        fix=_FIX,
        sample="own code: its tokenizer cannot be with transformers 4.57.6: TypeError: "
        "ChatGLMTokenizer._pad() got an unexpected keyword argument 'padding_side'",
        source="orchestrator/probes/make_own_standin.py",
    ),
    Explanation(
        id="model-code-failed",
        # The innermost frame of the model's code, then the exception of that traceback.
        pattern=r'transformers_modules[/\\][^"\n]*?(?P<file>[^/\\"\n]+\.py)", line (?P<line>\d+), '
        r"in (?P<where>\S+)$(?![\s\S]*transformers_modules)[\s\S]*?"
        rf"^(?P<error>(?!.*(?:{_OTHERS}))(?:\w+\.)*\w*(?:Error|Exception|NotImplemented)\b.*)$",
        scope="traceback",
        cause=(
            "the model's own code stopped it ({file}, line {line}, in {where}): {error}. Such code "
            "must fit the release's transformers",
            "在模型自带的代码中出错（{file} 第 {line} 行，{where}）：{error}。"
            "这种代码必须与此版本的 transformers 相合",
        ),
        fix=_FIX,
        sample="Traceback (most recent call last):\n"
        '  File "/home/user/.cache/huggingface/modules/transformers_modules/standin/'
        'modeling_internlm2.py", line 1210, in forward\n'
        "    past_key_values = DynamicCache.from_legacy_cache(past_key_values)\n"
        "AttributeError: type object 'DynamicCache' has no attribute 'from_legacy_cache'",
        source="own run: internlm2-chat-7b with transformers 5",
    ),
)
