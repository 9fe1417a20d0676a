"""One entry into an existing ``dataset_info.json``: everything else stays byte for byte.

Every column and tag is written: the engine that reads the file ignores what is left out, without a
word. Its format: data/README.md of that engine's source.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.files import write_atomic
from orchestrator.base.language import say
from orchestrator.engines.llamafactory.dataset_entry import entry_for

NAME = "dataset_info.json"
Outcome = Literal["added", "replaced", "unchanged"]
_SPACE = re.compile(r"[ \t\n\r]*")


def register(entry: dict[str, Any], name: str, folder: Path, *, force: bool = False) -> Outcome:
    """Add ``entry`` under ``name`` to the file in ``folder`` (or in its subfolder ``data``).

    The file is locked while it is read and written, so that any number of writers may come at
    once, and it is replaced as a whole. Raises :class:`UsageError` when another entry has that
    name and ``force`` is false, :class:`RecipeError` when the file is not what it should be.
    """
    _check_name(name)
    path = find(folder)
    with _locked(path.parent):
        text = _read(path)
        new, outcome = with_entry(text, name, entry, path=path, force=force)
        if outcome != "unchanged":
            mode = path.stat().st_mode & 0o777
            write_atomic(path, new)
            path.chmod(mode)
    return outcome


def register_rows(
    file: Path, into: Path, *, name: str, force: bool = False
) -> tuple[Path, Outcome]:
    """Add ``file`` with every column and tag; the ``dataset_info.json``, and what was done."""
    path = find(into)
    return path, register(entry_for(file, path.parent), name, into, force=force)


def find(folder: Path) -> Path:
    """The ``dataset_info.json`` of a data folder or of a checkout; links are followed."""
    for place in (folder, folder / "data"):
        if (place / NAME).is_file():
            return (place / NAME).resolve()
    raise UsageError(
        say(f"There is no {NAME} in {folder}.", f"{folder} 中没有 {NAME}。"),
        why=say(
            f"looked at {folder / NAME} and {folder / 'data' / NAME}",
            f"已查找 {folder / NAME} 和 {folder / 'data' / NAME}",
        ),
        fix=say(
            "--into takes the engine's checkout, or its folder data",
            "--into 需要引擎的源码目录，或其中的 data 文件夹",
        ),
    )


def _check_name(name: str) -> None:
    if not name.strip() or name != name.strip() or "," in name or not name.isprintable():
        raise UsageError(
            say(f"{name!r} cannot name a data set.", f"{name!r} 不能用作数据集的名称。"),
            why=say(
                "the engine separates names by commas and strips the spaces around them",
                "引擎用逗号分隔名称，并去掉名称前后的空格",
            ),
            fix=say("give another one with --name", "用 --name 换一个名称"),
        )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone in this folder. The lock is on the folder itself, so that nothing is left behind."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(
            say(f"{path.name} is not UTF-8 text.", f"{path.name} 不是 UTF-8 文本。"),
            where=str(path),
            why=str(error),
            fix=say("save it as UTF-8 first", "先把它保存为 UTF-8"),
        ) from error


# ------------------------------------------------------------------ the text


@dataclass(frozen=True)
class _Member:
    """One entry of the outermost object: its key, and where key and value stand in the text."""

    key: str
    begin: int
    value_begin: int
    end: int


def with_entry(
    text: str, name: str, entry: dict[str, Any], *, path: Path, force: bool
) -> tuple[str, Outcome]:
    """The text with the entry in it, and what was done."""
    start = 1 if text.startswith("\ufeff") else 0
    try:
        members, close = _members(text, start)
    except ValueError as error:
        raise _not_json(text, path, error) from error
    same = [one for one in members if one.key == name]
    if len(same) > 1:
        raise RecipeError(
            say(
                f"{name!r} stands {len(same)} times in {path.name}.",
                f"{name!r} 在 {path.name} 中出现了 {len(same)} 次。",
            ),
            where=f"{path}:{text.count(chr(10), 0, same[1].begin) + 1}",
            fix=say("remove all but one by hand", "手动删除，只留一个"),
        )
    style = _Style.of(text, members)
    if not same:
        return _appended(text, members, close, name, entry, style), "added"
    old = json.loads(text[same[0].value_begin : same[0].end])
    if old == entry:
        return text, "unchanged"
    if not force:
        raise UsageError(
            say(
                f"{path.name} has another entry called {name!r}.",
                f"{path.name} 已有另一个名为 {name!r} 的条目。",
            ),
            where=f"{path}:{text.count(chr(10), 0, same[0].begin) + 1}",
            why=say(
                f"it says {json.dumps(old, ensure_ascii=False)[:300]}",
                f"其内容是 {json.dumps(old, ensure_ascii=False)[:300]}",
            ),
            fix=say(
                "choose another name with --name, or replace it with --force",
                "用 --name 换一个名称，或用 --force 替换它",
            ),
        )
    new = style.value(entry)
    return text[: same[0].value_begin] + new + text[same[0].end :], "replaced"


def _members(text: str, start: int) -> tuple[list[_Member], int]:
    """The members of the outermost object, and where its closing brace is. ValueError else."""
    json.loads(text[start:])
    decoder = json.JSONDecoder()
    at = _skip(text, start)
    if text[at] != "{":
        raise ValueError(say("its outermost value is no object", "最外层的值不是对象"))
    found: list[_Member] = []
    at = _skip(text, at + 1)
    while text[at] != "}":
        begin = at
        key, at = decoder.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)  # the colon
        value_begin = at
        _, at = decoder.raw_decode(text, at)
        found.append(_Member(key, begin, value_begin, at))
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found, at


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _not_json(text: str, path: Path, error: ValueError) -> RecipeError:
    line = f":{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else ""
    return RecipeError(
        say(
            f"{path.name} cannot be read: {getattr(error, 'msg', error)}.",
            f"{path.name} 无法读取：{getattr(error, 'msg', error)}。",
        ),
        where=f"{path}{line}",
        why=say(
            "a comma after the last entry and a brace too many are the usual reasons",
            "常见原因是最后一项后面多了逗号，或多了一个花括号",
        ),
        fix=say("correct that line; nothing was changed", "修正该行；没有改动任何内容"),
    )


@dataclass(frozen=True)
class _Style:
    """How the file is laid out: its line ends, and the indent of one level."""

    newline: str
    indent: str

    @staticmethod
    def of(text: str, members: list[_Member]) -> _Style:
        newline = "\r\n" if "\r\n" in text else "\n"
        if not members:
            return _Style(newline, "  ")
        line = text[text.rfind("\n", 0, members[0].begin) + 1 : members[0].begin]
        return _Style(newline, line if line and not line.strip() else "  ")

    def value(self, entry: dict[str, Any]) -> str:
        """The entry as it stands after its key."""
        lines = json.dumps(entry, ensure_ascii=False, indent=self.indent).split("\n")
        return (self.newline + self.indent).join(lines)


def _appended(
    text: str,
    members: list[_Member],
    close: int,
    name: str,
    entry: dict[str, Any],
    style: _Style,
) -> str:
    made = f"{style.newline}{style.indent}{json.dumps(name, ensure_ascii=False)}: "
    made += style.value(entry)
    if members:
        last = members[-1].end
        after = text[last:]
        # In a file of one line the closing brace gets a line of its own.
        gap = "" if after.lstrip(" \t")[:1] in ("\r", "\n") else style.newline
        return f"{text[:last]},{made}{gap}{after}"
    return text[:close].rstrip() + made + style.newline + text[close:]
