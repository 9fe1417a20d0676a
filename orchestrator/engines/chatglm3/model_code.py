"""Which models' own code fits which release: this engine trains one family. docs/chatglm3.md."""

from __future__ import annotations

from orchestrator.engines.model_code import Family, Steps

#: The transformers that each release was tried with: the lock's own.
TRIED_WITH = {"9acc547": "4.34.1"}

TABLE: tuple[Family, ...] = (
    Family(name="ChatGLM3", ids=r"chatglm3", on={"9acc547": Steps(lost_tokenizer=True)}),
)
