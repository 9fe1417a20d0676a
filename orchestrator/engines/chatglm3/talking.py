"""Talk to what a run made: the tutorial's inference.py, and the composite demo.

Both load the tokenizer of the base model: one that the script saved cannot be loaded again.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.base import layout
from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.base.plan import Command
from orchestrator.engines.chatglm3.settings import is_ptuning, prefix_length
from orchestrator.engines.job import Job
from orchestrator.engines.upstream import commands

_TALK = Path(__file__).parent / "probes" / "talk.py"
_SERVE = Path(__file__).parent / "probes" / "demo.py"
#: Options of `recipe chat` that inference.py has; every other one that is given is refused.
_KNOWN = frozenset({"max_new_tokens", "extra", "model", "adapter", "use_adapter", "no_system"})


def chat(job: Job, options: Mapping[str, Any]) -> Command:
    """inference.py with the base tokenizer and, after P-Tuning, the prefix and its length."""
    asked = {key: value for key, value in options.items() if value not in (None, False, ())}
    # The system text of the rows is no option of the user's: inference.py takes bare text.
    unknown = sorted(asked.keys() - _KNOWN - {"system"})
    if unknown:
        names = ", ".join(f"--{key.replace('_', '-')}" for key in unknown)
        raise UsageError(
            say(f"inference.py has no {names}.", f"inference.py 没有 {names}。"),
            fix=say("leave it out", "去掉它"),
        )
    words = ["--model", job.model if is_ptuning(job.recipe) else f"./{layout.WORK}"]
    words += ["--tokenizer", job.model]
    if is_ptuning(job.recipe):
        length = str(prefix_length(job.recipe))
        _only_length(length, asked.get("extra", ()))
        words += ["--pt-checkpoint", layout.WORK, "--pt-pre-seq-len", length]
    if "max_new_tokens" in asked:
        words += ["--max-new-tokens", str(asked["max_new_tokens"])]
    return commands.command(job, "python", str(_TALK), *words, *asked.get("extra", ()))


def _only_length(length: str, extra: Sequence[str]) -> None:
    """UsageError when ``extra`` gives the prefix another length than it was trained with."""
    line = " ".join(extra).replace("=", " ").split()
    given = dict(itertools.pairwise(line)).get("--pt-pre-seq-len", length)
    if given != length:
        raise UsageError(
            say(
                f"The prefix of this run has {length} positions, not {given}.",
                f"此次运行的前缀有 {length} 个位置，而不是 {given}。",
            ),
            where="--pt-pre-seq-len",
            why=say(
                "its weights would not fit a model with another one",
                "它的权重与其他长度的模型不匹配",
            ),
            fix=say(
                "leave it out: the run's own length is passed", "去掉它：会传入此次运行自己的长度"
            ),
        )


def serve(job: Job, options: Mapping[str, Any]) -> Command:
    """The composite demo in a browser, with its three variables and the prefix's length."""
    if options.get("model_name"):
        raise UsageError(
            say("The composite demo has no --model-name.", "综合 demo 没有 --model-name。"),
            fix=say("leave it out", "去掉它"),
        )
    words = [
        *("--server.address", str(options.get("host") or "127.0.0.1")),
        *("--server.port", str(options.get("port") or 8000)),
        *("--server.headless", "true", "--browser.gatherUsageStats", "false"),
    ]
    env = {"MODEL_PATH": f"./{layout.WORK}", "TOKENIZER_PATH": job.model}
    if is_ptuning(job.recipe):
        length = str(prefix_length(job.recipe))
        env.update(MODEL_PATH=job.model, PT_PATH=f"./{layout.WORK}", PRE_SEQ_LEN=length)
    argv = ("python", str(_SERVE), *words, *options.get("extra", ()))
    return commands.command(job, *argv, env=env)
