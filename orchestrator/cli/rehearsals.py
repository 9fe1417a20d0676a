"""What a rehearsal was made of, in words for whoever reads a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.base.language import say

if TYPE_CHECKING:  # shell completion loads this module, and must not load the schema with it
    from orchestrator.engines.job import Standin


def of_what(standin: Standin | None) -> str:
    """A few words for a heading or a list; empty where a record does not say."""
    if standin is None:
        return ""
    return {
        "own": say("the model's own architecture", "模型自己的架构"),
        "native": say("a native stand-in", "通用替身"),
        "contract": say("contract only, no model", "仅检查约定，无模型"),
    }[standin]


def in_brackets(standin: Standin | None) -> str:
    words = of_what(standin)
    return say(f" ({words})", f"（{words}）") if words else ""


def proves(standin: Standin | None) -> str:
    """The sentence that ends a rehearsal: what it showed, and what it did not."""
    if standin == "own":
        return say(
            "The rehearsal went through every stage with the model's own config, code and "
            "tokenizer; its weights are random and mean nothing.",
            "预演用模型自己的配置、代码和分词器走完了所有阶段；权重是随机的，没有意义。",
        )
    if standin == "contract":
        return say(
            "The contract rehearsal is done: what would be run and the rows were checked, nothing "
            "was trained. The model's own files make it a real one: --rehearse=own",
            "约定预演完成：检查了将要执行的内容和数据，没有训练。有模型自己的文件才是真正的预演："
            "--rehearse=own",
        )
    return say(
        "The rehearsal went through every stage on a native stand-in: it tried the engine, not the "
        "model's own code; its weights mean nothing.",
        "预演用通用替身走完了所有阶段：试的是引擎，不是模型自己的代码；它的权重没有意义。",
    )
