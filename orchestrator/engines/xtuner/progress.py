"""What mmengine's log says of a training: iterations, loss, and the answers to its prompts.

Sources: mmengine/runner/log_processor.py (the line of an iteration), xtuner/engine/hooks/
evaluate_chat_hook.py (the answers), both also in ``work/<time>/<time>.log``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator.base import layout
from orchestrator.engines.progress import Answer, Learning, Step, is_finite, number, one_curve

_ITERATION = re.compile(r"\b(?:Iter|Epoch)\(train\) *(?:\[ *(\d+)\])?\[ *(\d+)/(\d+)\] *(.*)")
_ETA = re.compile(r"\beta: (?:(\d+) days?, )?(\d+):(\d\d):(\d\d)")
_FIGURE = re.compile(r"\b(lr|loss|memory): *(\S+)")
_HEAD = re.compile(r"^(?:\d{4}/)?\d\d/\d\d \d\d:\d\d:\d\d - mmengine - ", re.MULTILINE)
_BEFORE, _SAMPLE = "before_train in EvaluateChatHook", "Sample output:"
#: What templates put around a turn: <|Bot|>:, [/INST], <|im_start|>assistant, ### Response:, …
_MARKS = re.compile(
    r"\s*(?:(?:<[^<>\n]{1,24}>|\[/?[A-Z]+\])(?:assistant\b|Bot\b)?:?"
    r"|ASSISTANT:|### ?Response:|答：)"
)
_SPECIAL = re.compile(r"</?s>|<eo[acmsh]>|<\|im_end\|>|<\|endoftext\|>|<\|eot_id\|>")


def progress(line: str) -> Step | None:
    """``Iter(train) [10/96]  lr: 2.0000e-04  eta: 0:00:10 … memory: 8032  loss: 1.2345``.

    A log by epochs says ``Epoch(train) [2][10/96]``, and of the whole only how long it will take.
    """
    found = _ITERATION.search(line)
    if found is None:
        return None
    epoch, at, length = found[1], int(found[2]), int(found[3])
    figures = {key: number(value) for key, value in _FIGURE.findall(found[4])}
    memory = figures.get("memory")
    return Step(
        step=(int(epoch) - 1) * length + at if epoch else at,
        total=None if epoch else length,
        loss=figures.get("loss"),
        rate=figures.get("lr"),
        left=_seconds(found[4]),
        memory=int(memory) if is_finite(memory) and memory is not None else None,
    )


def _seconds(text: str) -> float | None:
    found = _ETA.search(text)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(one or 0) for one in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def learning(root: Path) -> Learning:
    """From the logs that mmengine keeps in ``work/``, one a try, oldest first."""
    logs = sorted((root / layout.WORK).glob("*/*.log"))
    texts = [log.read_text(encoding="utf-8", errors="replace") for log in logs]
    steps = (progress(line) for text in texts for line in text.splitlines())
    prompts = _prompts(root / "config.py")
    answers = (answer for text in texts for answer in answers_in(text, prompts))
    return Learning(
        steps=one_curve(one for one in steps if one is not None), answers=tuple(answers)
    )


def answers_in(log: str, prompts: Sequence[str]) -> Iterator[Answer]:
    """Every ``Sample output:`` of a log; the prompts are asked in turn, again and again."""
    step = asked = 0
    for record in _records(log):
        reached = progress(record)
        if reached is not None:
            step = reached.step or step
        if "EvaluateChatHook" in record:
            asked = 0
            step = 0 if _BEFORE in record else step
        _, is_sample, text = record.partition(_SAMPLE)
        if is_sample:
            prompt = prompts[asked % len(prompts)] if prompts else ""
            asked += 1
            yield Answer(step=step, prompt=prompt, text=_answer(text, prompt))


def _records(log: str) -> Iterator[str]:
    """A log's records: what stands after each time stamp, up to the next."""
    yield from _HEAD.split(log)[1:]


def _answer(text: str, prompt: str) -> str:
    """What follows the prompt, without the marks of the template."""
    _, is_there, after = text.partition(prompt) if prompt else ("", "", "")
    rest = after if is_there else text
    while mark := _MARKS.match(rest):
        rest = rest[mark.end() :]
    return _SPECIAL.sub("", rest).strip()


def _prompts(config: Path) -> list[str]:
    """``evaluation_inputs`` of a config; empty where it has none that is a plain list of texts."""
    try:
        tree = ast.parse(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return []  # a run that never came to it, or a config that a person edited
    for node in tree.body:
        if isinstance(node, ast.Assign) and _name(node) == "evaluation_inputs":
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                return []  # an expression: only Python itself could say
            return [one for one in value if isinstance(one, str)]
    return []


def _name(node: ast.Assign) -> str:
    target = node.targets[0]
    return target.id if isinstance(target, ast.Name) else ""
