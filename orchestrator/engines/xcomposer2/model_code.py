"""Which models' own code fits which release: this engine trains one family. docs/xcomposer2.md."""

from __future__ import annotations

from orchestrator.engines.model_code import Family, Step, Steps, Word

#: The transformers that each release was tried with: the lock's own.
TRIED_WITH = {"0f70c3e": "4.33.2"}

TABLE: tuple[Family, ...] = (
    Family(
        name="InternLM-XComposer2",
        ids=r"xcomposer-?2",
        on={
            "0f70c3e": Steps(
                chat=Step(
                    Word.UNTRIED,
                    (
                        "the scripts have no chat, so none was tried",
                        "脚本没有对话功能，因此没有试过",
                    ),
                )
            )
        },
    ),
)
