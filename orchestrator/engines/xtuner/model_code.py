"""Which models' own code fits which release of XTuner; how it was tried: docs/xtuner.md."""

from __future__ import annotations

from orchestrator.engines.model_code import UNKNOWN, Family, Step, Steps, Word

#: The transformers that each release was tried with: the lock's own.
TRIED_WITH = {"0.2.0": "4.48.0", "0.1.9": "4.34.0"}

_OLD_TOKENIZER = Step(
    Word.DEPENDS,
    (
        "a tokenizer file from before transformers 4.45 stops at the first text",
        "为 4.45 以前的 transformers 写的分词器文件会在第一段文本停下",
    ),
)
TABLE: tuple[Family, ...] = (
    Family(name="InternLM", ids=r"internlm-(chat-)?\d+b", on={"0.2.0": Steps(), "0.1.9": Steps()}),
    Family(name="InternLM2", ids=r"internlm2", on={"0.2.0": Steps()}),
    Family(
        name="ChatGLM3",
        ids=r"chatglm3",
        on={"0.2.0": Steps(train=_OLD_TOKENIZER, save=UNKNOWN, chat=UNKNOWN)},
    ),
)
