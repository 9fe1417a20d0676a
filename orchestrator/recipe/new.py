"""`recipe new`: a recipe that inherits another one and shows what there is to change."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from orchestrator.base.errors import UsageError
from orchestrator.base.files import write_atomic
from orchestrator.recipe.dump import dump_mapping, one_line
from orchestrator.recipe.find import SUFFIXES, is_path
from orchestrator.recipe.load import Loaded, load

_NAME = re.compile(r"\w[\w.-]*")

_HEAD = """\
# {name}: say in a line what this recipe is for.
#
#   recipe run {path} --rehearse
#   recipe run {path}
#
# It inherits everything from {parent} and says only what differs;
# `recipe show {path}` prints every value and where it came from.

extends: {extends}
title: {title}

# What {parent} says. Uncomment a line, with the lines above it that it belongs to, and change it;
# `recipe schema` and docs/recipe-reference.md describe every key there is.
#
"""


def write_child(name: str, parent: str, *, force: bool = False) -> Path:
    """Write NAME.yaml (or the path given) and return it.

    Raises :class:`UsageError` when the file is there already (unless ``force``), when the name
    cannot be a recipe's, or when there is no such parent.
    """
    path = Path(name if name.endswith(SUFFIXES) else f"{name}.yaml").expanduser()
    if not _NAME.fullmatch(path.stem):
        why = "a recipe's name has letters, digits, dots, dashes and underscores"
        raise UsageError(f"{path.stem!r} cannot be the name of a recipe.", why=why)
    if path.exists() and not force:
        raise UsageError(f"{path} is there already.", fix="choose another name, or add -f")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}.", fix="make it first")
    loaded = load(parent, environ={})
    write_atomic(path, child_text(path, parent, loaded))
    return path


def child_text(path: Path, parent: str, loaded: Loaded) -> str:
    """The text of the new recipe, with its parent's values as comments."""
    extends = os.path.relpath(loaded.path, path.parent) if is_path(parent) else parent
    if is_path(parent) and os.sep not in extends and not is_path(extends):
        extends = f"./{extends}"
    head = _HEAD.format(
        name=path.stem,
        path=path,
        parent=loaded.name,
        extends=one_line(extends),
        title=one_line(f"{loaded.recipe.title} (mine)"),
    )
    said = dump_mapping(_said(loaded))
    return head + "".join(f"# {line}\n" for line in said.splitlines())


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
