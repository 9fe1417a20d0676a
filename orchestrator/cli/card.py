"""What stands under a finished run: what was learnt, what came of it, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.base.language import say
from orchestrator.base.text import one_line
from orchestrator.cli.output import echo
from orchestrator.cli.table import shortened, terminal_width, width
from orchestrator.report import words
from orchestrator.report.summary import Summary

#: Name and text of each line; a name that stands above already is not said again.
Rows = Sequence[tuple[str, str]]
_ANSWERS = 2
_WIDEST = 120


def show(found: Summary, places: Rows, following: Rows) -> None:
    """The card of a run: ``places`` and ``following`` are its last lines, which can be copied."""
    room = min((terminal_width() or 100) - 1, _WIDEST)
    copied = [*places, *following]
    label = max(width(name) for name in (*_labels(), *(name for name, _ in copied)))
    told = [*_loss(found), *_answers(found), *_stages(found, room - label - 4), *_made(found)]
    before = None
    for name, text in (
        *((name, shortened(text, room - label - 4)) for name, text in told),
        *copied,
    ):
        shown = "" if name == before else name
        before = name
        echo(f"  {shown}{' ' * (label - width(shown))}  {text}")


def _labels() -> list[str]:
    pairs = (("loss", "损失"), ("answers", "回答"), ("stages", "阶段"), ("memory", "显存"))
    return [say(*pair) for pair in pairs]


def _loss(found: Summary) -> list[tuple[str, str]]:
    loss = found["loss"]
    if not loss["points"]:
        return []
    values = [float(point[1]) for point in loss["points"] if point[1] is not None]
    first, last = words.loss(loss["first"]), words.loss(loss["last"])
    steps = loss["points"][-1][0]
    counted = say(f"{steps} steps", f"{steps} 步")
    line = f"{first} {words.sparkline(values)} {last}  {counted}"
    return [(say("loss", "损失"), line)]


def _answers(found: Summary) -> list[tuple[str, str]]:
    rows = []
    for one in found["answers"][:_ANSWERS]:
        rows.append(one_line(one["prompt"]) or "?")
        if one["before"]:
            rows.append(f"  {say('before', '训练前')}  {one_line(one['before']['text']) or '-'}")
        rows.append(f"  {say('after ', '训练后')}  {one_line(one['after']['text']) or '-'}")
    return [(say("answers", "回答"), row) for row in rows]


def _stages(found: Summary, room: int) -> list[tuple[str, str]]:
    """Seconds of every stage in as few lines as they need, and the rows."""
    each = [f"{one['name']} {words.lasted(one['seconds'])}" for one in found["stages"]]
    rows = found["rows"]
    if rows["train_rows"] is not None:
        trained = rows.get("rehearsed_rows") or rows["train_rows"]
        each[0] += say(
            f" ({rows['read']} rows read, {trained} trained on)",
            f"（读入 {rows['read']} 行，训练 {trained} 行）",
        )
    return [(say("stages", "阶段"), line) for line in _joined(each, room)]


def _joined(texts: Sequence[str], room: int) -> list[str]:
    lines: list[str] = []
    for text in texts:
        if lines and width(lines[-1]) + 3 + width(text) <= room:
            lines[-1] += f" · {text}"
        else:
            lines.append(text)
    return lines


def _made(found: Summary) -> list[tuple[str, str]]:
    names = {"work": ("checkpoints", "检查点"), "adapter": ("adapter", "适配器")}
    names["merged"] = ("model", "完整模型")
    sizes = [f"{say(*names[key])} {words.size(count)}" for key, count in found["sizes"].items()]
    rows = [(say("sizes", "大小"), " · ".join(sizes))] if sizes else []
    return [*rows, *_memory(found["memory"])]


def _memory(memory: Summary) -> list[tuple[str, str]]:
    """The measured peak, with the estimate beside it; the estimate of the real run alone."""
    thought = memory["estimated_peak"] and words.memory(memory["estimated_peak"])
    if memory["peak"]:
        peak = words.memory(memory["peak"])
        told = say(f"{peak} of GPU memory at the peak", f"峰值 {peak}")
        told += say(f", estimated {thought}", f"，估计 {thought}") if thought else ""
    elif thought:
        told = say(
            f"not measured; a real run is estimated at {thought} of GPU memory",
            f"未测得；正式运行估计需要 {thought}",
        )
    else:
        return []
    return [(say("memory", "显存"), told)]
