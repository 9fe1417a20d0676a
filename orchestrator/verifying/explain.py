"""From an engine's log to a cause and a fix, and the lines of a log that mean something."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """A regular expression over log text; named groups may be used in ``cause`` and ``fix``."""

    pattern: str
    cause: str
    fix: str


#: What any engine on torch can meet.
COMMON: tuple[Explanation, ...] = (
    Explanation(
        r"CUDA out of memory|OutOfMemoryError",
        "the GPU's memory is full",
        "in this order: train.batch_size 1, a shorter train.max_length, train.method qlora, "
        "deepspeed zero2 or zero3 with offload",
    ),
    Explanation(
        r"No space left on device|OSError: \[Errno 28\]|file write failed",
        "the disk is full",
        "free some space, then run the same command again: finished stages are kept",
    ),
    Explanation(
        r"Watchdog caught collective operation timeout",
        "one process was still preparing data when the others gave up waiting",
        "prepare the data once with one GPU (it is cached), then start again",
    ),
    Explanation(
        r"unexpected keyword argument 'padding_side'",
        "this model's tokenizer file was written for transformers below 4.45",
        "use the -hf weights of the model, or an older engine release",
    ),
    Explanation(
        r"can't set attribute 'eos_token'",
        "a ChatGLM tokenizer that was saved again",
        "copy the original tokenizer files over the saved ones",
    ),
    Explanation(
        r"Attempting to unscale FP16 gradients",
        "fp16 training of weights that are stored in fp16",
        "set train.precision: bf16 (on a GPU that has it), or fp32",
    ),
    Explanation(
        r"(?:No such file or directory: |does not appear to have a file named )(?P<detail>.*)",
        "a file is missing: {detail}",
        "if it belongs to the model, check the model folder; otherwise run with --from data",
    ),
    Explanation(
        r"ModuleNotFoundError: No module named (?P<detail>\S+)",
        "the engine's environment lacks the package {detail}",
        "run `recipe env doctor`; rebuild with `recipe env remove` and `recipe env install`",
    ),
    Explanation(
        r"ConnectionError|Max retries exceeded|Temporary failure in name resolution",
        "the engine tried to reach a hub and could not",
        "give local files (model.path, a local data file), or check the network",
    ),
)

_NOISE = re.compile(
    r"^\s*$|^\s*\d+%\||it/s\]|s/it\]|FutureWarning|UserWarning|DeprecationWarning|warnings\.warn"
    r"|^\s*Usage|^\s*\w+ (?:train|convert|chat|list-cfg|copy-cfg|help)\b|^-{5,}|^={5,}"
)
#: The line that ends a failure; XTuner prints its whole help page after a `command error`.
_CRASH = re.compile(r"^(\w+\.)*\w*(Error|Exception|Interrupt|Exit)\b|.*command error: '")


def explain(log: str, specific: Iterable[Explanation]) -> tuple[str, str] | None:
    """The cause and the fix of the last known failure in ``log``; None when nothing is known.

    The line furthest down is the one that ended the engine; on one line the first of the table
    that fits is the most specific.
    """
    best: tuple[int, Explanation, dict[str, str]] | None = None
    for one in (*specific, *COMMON):
        *_, match = [None, *re.finditer(one.pattern, log, re.MULTILINE)]
        if match is None:
            continue
        line = log.count("\n", 0, match.start())
        if best is None or line > best[0]:
            best = line, one, {key: value or "" for key, value in match.groupdict().items()}
    if best is None:
        return None
    _, known, found = best
    return known.cause.format_map(found), known.fix.format_map(found)


def meaningful_lines(log: str, count: int = 8) -> list[str]:
    """The last lines of a log that say something: progress bars and warnings are left out."""
    lines = [part.rstrip() for line in log.splitlines() for part in line.split("\r")[-1:]]
    kept = [line for line in lines if not _NOISE.search(line)]
    crashes = [index for index, line in enumerate(kept) if _CRASH.match(line)]
    if crashes:
        end = crashes[-1] + 1
        return kept[max(0, end - count) : end]
    return kept[-count:]
