"""A failure in code that a model brings, told as what it is: that code against the release's
transformers."""

from __future__ import annotations

import re

from orchestrator.base.language import say

#: What ``probes/make_own_standin.py`` prints last.
_TOLD = re.compile(
    r"^own code: (?P<what>.+?) cannot be with (?P<with>transformers \S+): (?P<error>.+)$", re.M
)
#: Where transformers puts a model's code before it imports it.
_FRAME = re.compile(
    r'^ *File "[^"]*[/\\]transformers_modules[/\\][^"]*?(?P<file>[^/\\"]+\.py)", '
    r"line (?P<line>\d+), in (?P<where>\S+)$",
    re.M,
)
_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = re.compile(
    r"^(?:The above exception was the direct cause|During handling of the above exception)", re.M
)
_ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|NotImplemented)\b.*$", re.M)
#: Errors that come from the machine, the user or the tokens, whatever code they meet.
_OTHERS = re.compile(
    r"out of memory|OutOfMemory|No space left|CUDA error|KeyboardInterrupt"
    r"|index out of range in self"
)


def explain(log: str) -> tuple[str, str] | None:
    """Cause and next step when a model's own code gave ``log`` its last error; None otherwise."""
    cause = _told(log) or _traced(log)
    if cause is None:
        return None
    return cause, say(
        "take an engine release whose transformers fits, another model.revision, or a folder with "
        "mended code as model.path; to try the engine without the model's code: --rehearse=native",
        "换用 transformers 合适的引擎版本、其他 model.revision，或把 model.path "
        "指向代码已修正的文件夹；不用模型代码、只试引擎：--rehearse=native",
    )


def _told(log: str) -> str | None:
    *_, match = [None, *_TOLD.finditer(log)]
    if match is None:
        return None
    return say(
        f"the model's own code does not fit this release's {match['with']} ({match['what']}): "
        f"{match['error']}",
        f"模型自带的代码与此版本的 {match['with']} 不合（{match['what']}）：{match['error']}",
    )


def _traced(log: str) -> str | None:
    """The innermost frame of a model's code in the last traceback, and its error.

    An engine may raise an error of its own from it: the tracebacks of one chain count as one.
    """
    *_, traceback = [None, *filter(_FRAME.search, _last_chain(log))]
    if traceback is None:
        return None
    place, error = [*_FRAME.finditer(traceback)][-1], _ERROR.search(traceback)
    if error is None or _OTHERS.search(error[0]):
        return None
    return say(
        f"the model's own code stopped it ({place['file']}, line {place['line']}, in "
        f"{place['where']}): {error[0]}. Such code must fit the release's transformers",
        f"在模型自带的代码中出错（{place['file']} 第 {place['line']} 行，{place['where']}）："
        f"{error[0]}。这种代码必须与此版本的 transformers 相合",
    )


def _last_chain(log: str) -> list[str]:
    """The tracebacks that belong to the last one, in the order of the log."""
    chain: list[str] = []
    for text in reversed(log.split(_TRACEBACK)[1:]):
        if chain and not _CHAINED.search(text):
            break
        chain.insert(0, text)
    return chain
