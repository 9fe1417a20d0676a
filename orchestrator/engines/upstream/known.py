"""``engine_options`` of an engine that runs a script: flags of the script, held to its own list."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from data_tools.nearest import nearest
from orchestrator.base.language import say
from orchestrator.base.text import listed, shown
from orchestrator.recipe.faults import Objection
from orchestrator.recipe.schema import Recipe

#: What a flag takes: one of these words, ``"number"``, ``"flag"``, or ``"any"``.
Kind = Sequence[str | int] | str
Flags = Mapping[str, Kind]


@cache
def known_flags(file: Path) -> Flags:
    """The flags of a release, as ``probes/list_flags.py`` wrote them."""
    flags: Flags = json.loads(file.read_text(encoding="utf-8"))
    return flags


def objections(
    options: Mapping[str, object], flags: Flags, owned: Mapping[str, tuple[str, str]]
) -> Iterator[Objection]:
    """Options that are no flags, values that a flag does not take, and what the run decides itself:
    ``owned`` is flag -> what to say in its place."""
    for name, value in options.items():
        at = f"engine_options.{name}"
        if name in owned:
            yield Objection(
                at, say("is not an option's to set", "不能用选项设置"), say(*owned[name])
            )
        elif name not in flags:
            what = say("the script has no such flag", "脚本没有这个参数")
            why = say("it would end with an error at once", "脚本会立即报错退出")
            yield Objection(at, what, why, nearest(name, flags))
        elif value is not None:
            yield from _of_value(at, value, flags[name])


def _of_value(at: str, value: object, kind: Kind) -> Iterator[Objection]:
    if not isinstance(kind, str):
        if value not in kind:
            words = [str(word) for word in kind]
            what = say(f"cannot be {shown(value)}", f"不能是 {shown(value)}")
            yield Objection(at, what, listed(words), nearest(str(value), words))
    elif kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        what = say(f"must be a number, not {shown(value)}", f"必须是数字，而不是 {shown(value)}")
        why = say(
            "YAML 1.1 takes 1e-4 for text: write 1.0e-4", "YAML 1.1 把 1e-4 当作文本：请写 1.0e-4"
        )
        yield Objection(at, what, why if isinstance(value, str) else "")
    elif kind == "flag" and not isinstance(value, bool):
        what = say(
            f"must be true or false, not {shown(value)}",
            f"必须是 true 或 false，而不是 {shown(value)}",
        )
        yield Objection(at, what)


def words(recipe: Recipe, flags: Flags) -> Iterator[Objection]:
    """An optimizer or a schedule that the script's own parser would refuse."""
    asked = {"optim": "optimizer", "lr_scheduler_type": "scheduler"}
    for flag, key in asked.items():
        word, choices = getattr(recipe.train, key), flags[flag]
        if word is not None and not isinstance(choices, str) and word not in choices:
            allowed = [str(choice) for choice in choices]
            what = say(f"the engine knows no {word!r}", f"引擎不认识 {word!r}")
            yield Objection(f"train.{key}", what, listed(allowed), nearest(word, allowed))


def sources(recipe: Recipe) -> Iterator[Objection]:
    """Rows of a hub's data set: such a script opens files."""
    for number, source in enumerate(recipe.data.sources):
        for key in ("dataset", "map_fn"):
            if getattr(source, key) is not None:
                what = say(
                    "the script reads a file, no hub data set", "脚本只读取文件，不读取仓库数据集"
                )
                why = say("download it and give its path", "请下载后用 path 给出")
                yield Objection(f"data.sources.{number}.{key}", what, why)
