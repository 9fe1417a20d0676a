"""What is wrong with a model folder, in words, and how its JSON files are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say

_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_LARGEST = 1024  # bytes of the text that git-lfs/docs/spec.md puts in a large file's place
_SHOWN = 8


def unfit(path: Path, what: str, why: str, fix: str | None = None) -> RecipeError:
    return RecipeError(what, where=str(path), why=why, fix=fix or give_a_folder())


def give_a_folder() -> str:
    return say(
        "give a whole folder: --set model.path=FOLDER, or remove it to download the model",
        "请写完整的模型文件夹：--set model.path=FOLDER，或去掉它以便下载模型",
    )


def what_is_there(path: Path) -> str:
    names = sorted(each.name for each in path.iterdir())
    return (
        say(f"it holds {listed(names)}", f"其中有 {listed(names)}")
        if names
        else say("the folder is empty", "文件夹是空的")
    )


def listed(names: Sequence[str], mark: str = ", ") -> str:
    """The first names, and how many more there are."""
    more = (
        say(f" and {len(names) - _SHOWN} more", f" 等另外 {len(names) - _SHOWN} 个")
        if len(names) > _SHOWN
        else ""
    )
    return mark.join(names[:_SHOWN]) + more


def read_json(path: Path) -> dict[str, Any]:
    must_be_no_pointer(path)
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        what = say(f"{path.name} cannot be read.", f"{path.name} 无法读取。")
        raise unfit(path, what, f"{type(error).__name__}: {error}") from error
    if not isinstance(value, dict):
        why = say(
            f"it holds a {type(value).__name__} where an object is expected",
            f"应是对象，而其中是 {type(value).__name__}",
        )
        raise unfit(
            path, say(f"{path.name} is not a JSON object.", f"{path.name} 不是 JSON 对象。"), why
        )
    return value


def must_be_no_pointer(*paths: Path) -> None:
    names = [path.name for path in paths if _is_lfs_pointer(path)]
    if names:
        why = say(
            f"{listed(names)}: a Git LFS pointer, a text of about 130 bytes, not the file",
            f"{listed(names)}：是 Git LFS 指针（约 130 字节的文本），不是文件本身",
        )
        fix = (
            say(
                "run `git lfs install && git lfs pull` in that folder, or ",
                "在该文件夹中运行 `git lfs install && git lfs pull`，或",
            )
            + give_a_folder()
        )
        raise unfit(
            paths[0].parent,
            say("The model was cloned without its large files.", "克隆模型时没有取回大文件。"),
            why,
            fix,
        )


def _is_lfs_pointer(path: Path) -> bool:
    small = path.is_file() and path.stat().st_size <= _LFS_LARGEST
    return small and _starts_with(path, _LFS)


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
