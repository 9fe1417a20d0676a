"""Which models' own code fits which release of XTuner; how it was tried: docs/xtuner.md."""

from __future__ import annotations

from orchestrator.engines.model_code import Family, Steps

#: The transformers that each release was tried with: the lock's own.
TRIED_WITH = {"0.2.0": "4.48.0", "0.1.9": "4.34.0"}

TABLE: tuple[Family, ...] = (
    Family(name="InternLM", ids=r"internlm-(chat-)?\d+b", on={"0.2.0": Steps(), "0.1.9": Steps()}),
    Family(name="InternLM2", ids=r"internlm2", on={"0.2.0": Steps()}),
    Family(name="ChatGLM3", ids=r"chatglm3"),
)
