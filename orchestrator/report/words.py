"""Figures as people read them, in both languages: times, sizes, names of what was counted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

#: Name in a record -> (English, Chinese). What is not here is shown under its own name.
NAMES: Mapping[str, tuple[str, str]] = {
    "rows": ("rows", "行数"),
    "train_rows": ("training rows", "训练行"),
    "test_rows": ("test rows", "测试行"),
    "rejected": ("rejected", "拒绝"),
    "rows_lost": ("rows lost", "丢失行"),
    "rows_cut": ("rows cut", "截断行"),
    "rows_dropped": ("rows dropped", "丢弃行"),
    "rows_checked": ("rows checked", "已核对行"),
    "first_row": ("first row", "首行"),
    "sets": ("sets", "数据集"),
    "picture_sets": ("sets with pictures", "带图数据集"),
    "rows_with_system": ("with a system text", "含系统提示的行"),
    "rows_with_history": ("with a history", "含历史对话的行"),
    "media": ("media files", "媒体文件"),
    "tokens": ("tokens", "token 数"),
    "longest": ("longest", "最长"),
    "iterations": ("iterations", "迭代"),
    "iterations_per_epoch": ("iterations an epoch", "每轮迭代"),
    "steps_per_epoch": ("steps an epoch", "每轮步数"),
    "optimizer_steps": ("optimizer steps", "优化步"),
    "gpus": ("GPUs", "GPU 数"),
    "steps": ("steps", "步数"),
    "train_loss": ("mean loss", "平均损失"),
    "checkpoint": ("checkpoint", "检查点"),
    "modules": ("modules", "模块"),
    "rank": ("rank", "秩"),
    "shards": ("shards", "分片"),
    "tensors": ("tensors", "张量"),
    "bytes": ("size", "大小"),
    "curves": ("curves", "曲线"),
    "files": ("files", "文件"),
    "hub": ("hub", "模型库"),
    "revision": ("revision", "版本"),
    "path": ("path", "路径"),
}
#: Facts that are told elsewhere: the row account, texts, and memory.
_ELSEWHERE = frozenset(
    {"read", "written", "faults", "rejects", "dropped", "notes", "warnings", "sources", "gpu_peak"}
)
_BARS = "▁▂▃▄▅▆▇█"


def lasted(seconds: float | None) -> str:
    """``0.1 s``, ``13.2 s``, ``1:02``, ``1:02:03``; empty for None."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: int) -> str:
    """``512 bytes``, ``1.3 MB``, ``15.0 GB``: powers of ten, as disks are sold."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"


def memory(count: float) -> str:
    """Memory in GiB, as cards are sold and engines measure it."""
    return f"{count / 2**30:.1f} GiB"


def loss(value: float | str) -> str:
    """Four digits after the point, as the engines print it; ``nan`` and ``inf`` as they are."""
    is_figure = isinstance(value, int | float) and math.isfinite(value)
    return f"{value:.4f}" if is_figure else str(value)


def rate(value: float) -> str:
    return f"{value:.1e}"


def figures(facts: Mapping[str, Any]) -> dict[str, int | float | str]:
    """A stage's figures by name: its own, and those of its artifacts; rows count once."""
    found: dict[str, int | float | str] = {}
    for key, value in facts.items():
        if key in _ELSEWHERE:
            continue
        if isinstance(value, Mapping):
            inner = value.get("figures", value)
            found.update({} if key.endswith(".jsonl") else filter(_is_figure, inner.items()))
        elif _is_figure((key, value)):
            found[key] = value
    return found


def _is_figure(item: tuple[str, Any]) -> bool:
    """A number or a word; a switch is neither."""
    return isinstance(item[1], int | float | str) and not isinstance(item[1], bool)


def shown(name: str, value: float | str) -> str:
    """The value of one figure as text."""
    if name == "bytes" and isinstance(value, int):
        return size(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def warnings_of(facts: Mapping[str, Any]) -> list[str]:
    """What a stage and its artifacts warn of, each once."""
    inner = [facts, *(value for value in facts.values() if isinstance(value, Mapping))]
    return list(dict.fromkeys(str(text) for one in inner for text in one.get("warnings") or ()))


def sparkline(values: Iterable[float], room: int = 40) -> str:
    """The values as a line of blocks, lowest to highest; ``×`` where one is no finite number.

    More values than ``room`` are averaged in groups.
    """
    each = _grouped(list(values), room)
    finite = [value for value in each if math.isfinite(value)]
    if not finite:
        return "×" * len(each)
    low = min(finite) / 2
    span = max(finite) / 2 - low  # halves: the span of two floats may be none
    top = len(_BARS) - 1
    return "".join(
        _BARS[round((value / 2 - low) / span * top) if span else 0] if math.isfinite(value) else "×"
        for value in each
    )


def _grouped(values: Sequence[float], room: int) -> list[float]:
    if len(values) <= room:
        return list(values)
    edges = [round(index * len(values) / room) for index in range(room + 1)]
    groups = [values[a:b] for a, b in pairwise(edges)]
    return [sum(value / len(group) for value in group) for group in groups]
