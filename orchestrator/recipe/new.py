"""`recipe new`: a recipe that inherits another one and shows what there is to change."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from orchestrator.base.errors import UsageError
from orchestrator.base.files import write_atomic
from orchestrator.base.language import say
from orchestrator.base.paths import expanded, user_recipes_dirs
from orchestrator.base.text import quoted
from orchestrator.recipe.dump import dump_mapping, one_line
from orchestrator.recipe.find import SUFFIXES, checked_name, is_path
from orchestrator.recipe.load import Loaded, load
from orchestrator.recipe.params import Parameter

_HEAD = """\
# {name}: say in a line what this recipe is for.
#
#   recipe run {run} --rehearse
#   recipe run {run}
#
# It inherits everything from {parent} and says only what differs;
# `recipe show {file} --all` prints every value and where it came from.

extends: {extends}
title: {title}

# What {parent} says. Uncomment a line, with the lines above it that it belongs to, and change it;
# `recipe schema` and docs/recipe-reference.md describe every key there is.
#
"""


def write_child(
    name: str, parent: str, *, force: bool = False
) -> tuple[Path, tuple[Parameter, ...]]:
    """Write NAME.yaml (or the path given); the path, and the parameters that a run of it needs.

    Raises :class:`UsageError` when the file is there already (unless ``force``), when the name
    cannot be a recipe's or leads out of the folders of recipes, or when there is no such parent.
    """
    path = expanded(name if name.endswith(SUFFIXES) else f"{name}.yaml")
    checked_name(path)
    _refuse_elsewhere(path, parent)
    if not path.parent.is_dir():
        what = say(f"There is no folder {path.parent}.", f"没有文件夹 {path.parent}。")
        raise UsageError(what, fix=f"mkdir -p {quoted(str(path.parent))}")
    if path.is_dir() or (os.path.lexists(path) and not force):
        what = say(f"{path} is there already.", f"{path} 已存在。")
        fix = say("choose another name", "请换一个名称")
        more = "" if path.is_dir() else say(", or add -f", "，或加上 -f")
        raise UsageError(what, fix=f"{fix}{more}")
    loaded = load(parent, environ={}, complete=False)
    write_atomic(path, child_text(path, parent, loaded))
    return path, loaded.missing


def _refuse_elsewhere(path: Path, parent: str) -> None:
    """A recipe is written where recipes are looked for: here, below, or in RECIPE_PATH."""
    folder = path.parent.resolve()
    if any(folder.is_relative_to(home.resolve()) for home in (Path(), *user_recipes_dirs())):
        return
    words = shlex.join(["recipe", "new", path.name, "--from", parent])
    raise UsageError(
        say(f"{path} leads out of this folder.", f"{path} 不在当前文件夹内。"),
        why=say(
            "a recipe is written into this folder, one below it, or one of RECIPE_PATH",
            "配方只写入当前文件夹、其子文件夹或 RECIPE_PATH 中的文件夹",
        ),
        fix=f"cd {quoted(str(folder))} && {words}",
    )


def child_text(path: Path, parent: str, loaded: Loaded) -> str:
    """The text of the new recipe, with its parent's values as comments."""
    extends = os.path.relpath(loaded.path, path.parent) if is_path(parent) else parent
    if is_path(parent) and os.sep not in extends and not is_path(extends):
        extends = f"./{extends}"
    head = _HEAD.format(
        name=path.stem,
        file=quoted(str(path)),
        run=" ".join([quoted(str(path)), *(param.word for param in loaded.missing)]),
        parent=loaded.name,
        extends=one_line(extends),
        title=one_line(f"{loaded.recipe.title} (mine)"),
    )
    values = dump_mapping(_said(loaded))
    return head + "".join(f"# {line}\n" for line in values.splitlines())


def _said(loaded: Loaded) -> dict[str, Any]:
    """The values that the parent's files give, without its title."""
    values = _pruned(loaded.recipe.model_dump(), "", loaded)
    return {key: value for key, value in values.items() if key not in ("title", "source")}


def _pruned(value: Any, key: str, loaded: Loaded) -> Any:
    """Only what has an origin in a file."""
    if isinstance(value, dict):
        inner = {k: _pruned(v, f"{key}.{k}" if key else k, loaded) for k, v in value.items()}
        return {k: v for k, v in inner.items() if v is not None} or None
    if isinstance(value, list):
        inner_list = [_pruned(v, f"{key}.{i}", loaded) for i, v in enumerate(value)]
        return [v for v in inner_list if v is not None] or None
    origin = loaded.provenance.get(key)
    return None if origin is None or origin.layer == "default" else value
