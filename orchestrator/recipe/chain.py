"""A recipe file and the files it inherits from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.base.text import shown
from orchestrator.recipe.faults import Fault, Mark, RecipeFaults
from orchestrator.recipe.find import find
from orchestrator.recipe.foreign import Refuse, names_in
from orchestrator.recipe.yaml_tree import Node, parse

MAX_BYTES = 1_000_000

Link = tuple[Path, Node]


def read_chain(path: Path, faults: list[Fault], refuse: Refuse | None = None) -> list[Link]:
    """The file and its parents, leaf first, each a mapping without its `extends`.

    ``refuse`` is asked whether a file is another program's.

    Faults that leave nothing to go on with (no YAML, no parent, a cycle) raise
    :class:`RecipeFaults`; the others are added to ``faults``.
    """
    chain: list[Link] = []
    seen: list[Path] = []
    following: Path | None = path
    while following is not None:
        seen.append(following.resolve())
        node = _read(following, "parent" if chain else "recipe", faults, refuse)
        if node is None:
            raise RecipeFaults(path.stem, faults)
        parent = node.value.pop("extends", None)
        chain.append((following, node))
        before = len(faults)
        following = _parent(parent, following, seen, faults)
        if len(faults) > before:
            raise RecipeFaults(path.stem, faults)
    return chain


def _parent(
    node: Node | None, path: Path, seen: Sequence[Path], faults: list[Fault]
) -> Path | None:
    """The file that ``extends`` names; None when there is no such key, or when it is faulty."""
    if node is None or node.value is None:
        return None
    if not isinstance(node.value, str):
        value = shown(node.plain())
        what = say(
            f"must be the name or path of one recipe, not {value}",
            f"应为一个配方的名称或路径，而不是 {value}",
        )
        faults.append(Fault(node.at, "extends", what))
        return None
    try:
        parent = find(node.value, said_in=path)
    except UsageError as error:
        why = "; ".join(text for text in (error.where, error.fix) if text)
        faults.append(Fault(node.at, "extends", error.what.rstrip(".。"), why))
        return None
    if parent.resolve() in seen:
        circle = " -> ".join([*(file.stem for file in seen), parent.stem])
        what = say(f"goes in a circle: {circle}", f"形成循环：{circle}")
        faults.append(Fault(node.at, "extends", what))
        return None
    return parent


def _read(path: Path, layer: str, faults: list[Fault], refuse: Refuse | None) -> Node | None:
    text = _text(path, faults)
    if text is None:
        return None
    node = parse(text, str(path), faults, layer=layer)
    if refuse is not None and (names := names_in(text, node)):
        refuse(path, names)
    if node is None or isinstance(node.value, dict):
        return node
    value = shown(node.plain())
    content = (
        say("is empty", "是空的") if node.value is None else say(f"holds {value}", f"是 {value}")
    )
    what = say(
        f"a recipe is a mapping (`key: value` lines), and this file {content}",
        f"配方是映射（`key: value` 各行），而这个文件{content}",
    )
    faults.append(Fault(node.at, "", what))
    return None


def _text(path: Path, faults: list[Fault]) -> str | None:
    start = Mark(str(path), 1, 1)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        what = say(f"cannot be read: {error.strerror}", f"无法读取：{error.strerror}")
        faults.append(Fault(Mark(str(path)), "", what))
        return None
    if len(data) > MAX_BYTES:
        what = say(f"is larger than {MAX_BYTES} bytes", f"大于 {MAX_BYTES} 字节")
        faults.append(Fault(start, "", what, say("not a recipe", "不是配方")))
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        what = say("is not UTF-8 text here", "此处不是 UTF-8 文本")
        why = say("save the file as UTF-8", "请将文件存为 UTF-8")
        faults.append(Fault(Mark(str(path), line, column), "", what, why))
        return None
