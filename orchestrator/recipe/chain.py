"""A recipe file and the files it inherits from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.base.errors import UsageError
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
    said: Node | None, path: Path, seen: Sequence[Path], faults: list[Fault]
) -> Path | None:
    """The file that ``extends`` names; None when there is no such key, or when it is faulty."""
    if said is None or said.value is None:
        return None
    if not isinstance(said.value, str):
        what = f"must be the name or path of one recipe, not {shown(said.plain())}"
        faults.append(Fault(said.at, "extends", what))
        return None
    try:
        parent = find(said.value, said_in=path)
    except UsageError as error:
        why = "; ".join(text for text in (error.where, error.fix) if text)
        faults.append(Fault(said.at, "extends", error.what.rstrip("."), why))
        return None
    if parent.resolve() in seen:
        names = [*(one.stem for one in seen), parent.stem]
        faults.append(Fault(said.at, "extends", f"goes in a circle: {' -> '.join(names)}"))
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
    found = "is empty" if node.value is None else f"holds {shown(node.plain())}"
    what = f"a recipe is a mapping (`key: value` lines), and this file {found}"
    faults.append(Fault(node.at, "", what))
    return None


def _text(path: Path, faults: list[Fault]) -> str | None:
    start = Mark(str(path), 1, 1)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        faults.append(Fault(Mark(str(path)), "", f"cannot be read: {error.strerror}"))
        return None
    if len(data) > MAX_BYTES:
        faults.append(Fault(start, "", f"is larger than {MAX_BYTES} bytes", "not a recipe"))
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        why = "save the file as UTF-8"
        faults.append(Fault(Mark(str(path), line, column), "", "is not UTF-8 text here", why))
        return None
