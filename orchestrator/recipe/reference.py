"""docs/recipe-reference.md, made from the schema: python -m orchestrator.recipe.reference"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, get_args, get_origin

from orchestrator.base.files import write_atomic
from orchestrator.recipe import keys
from orchestrator.recipe.dump import one_line
from orchestrator.recipe.schema import Recipe

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recipe-reference.md"

_HEAD = """\
# Recipe reference

<!-- Made by `python -m orchestrator.recipe.reference` from orchestrator/recipe/schema*.py. Do not
edit it by hand: change the descriptions there. -->

A recipe is one YAML file. This page lists every key; [adding a recipe](adding-a-recipe.md) shows
how to write one. `recipe schema` prints the same as a JSON Schema, `recipe show NAME --all` prints
the value of each key in a recipe and where it came from.

- YAML is read as version 1.2 says: `1e-4` is a number; `no`, `on` and `yes` are text. Tags, a key
  that stands twice, and a second document are faults.
- `null` puts a key back to its default (under `engine_options` and `clean` it is a value).
- Values come from, in this order, each winning over the one before: the default, the parent
  (`extends`), the recipe, the environment (`RECIPE_SET_TRAIN__EPOCHS=1`), the command line
  (`--set train.epochs=1`, `-p NAME=VALUE`). Mappings merge key by key, lists are replaced whole;
  an item of a list has its number in the dotted key: `--set data.sources.0.path=mine.xlsx`.
- A default of `null` means the engine's own: the value in the engine's reference config.
- What `engine_options` may say is the engine's own: each engine has a page beside this one.

## The file itself

| key | takes | default | meaning |
|---|---|---|---|
| `extends` | text | | Name or path of the recipe to inherit from |
"""


#: What stands for any item of a list or a mapping in a dotted key.
_ITEMS: dict[Any, str] = {list: ".0", dict: ".NAME"}


def text() -> str:
    """The whole page."""
    body = "".join(f"{line}\n" for line in _rows(Recipe, ""))
    return _HEAD + body + "".join(_sections(Recipe, ""))


def _sections(cls: Any, prefix: str) -> Iterator[str]:
    for field in fields(cls):
        many = _ITEMS.get(get_origin(field.type), "")
        inner = keys.value_class(get_args(field.type)[-1] if many else field.type)
        if inner is None:
            continue
        key = f"{prefix}{field.name}"
        under = f"{key}{many}."
        words = str(inner.__doc__).replace("``", "`")
        yield f"\n## `{key}`{' (each item)' if many else ''}\n\n{words}\n\n"
        yield "| key | takes | default | meaning |\n|---|---|---|---|\n"
        yield from (f"{line}\n" for line in _rows(inner, under))
        yield from _sections(inner, under)


def _rows(cls: Any, prefix: str) -> Iterator[str]:
    for field in fields(cls):
        cells = (f"`{prefix}{field.name}`", _takes(field), _default(field), _meaning(field))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _meaning(field: Field[Any]) -> str:
    return str(field.metadata["description"])


def _takes(field: Field[Any]) -> str:
    limits = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    rules = [
        f"{word} {field.metadata[rule]}" for rule, word in limits.items() if rule in field.metadata
    ]
    if "pattern" in field.metadata:
        rules.append(f"like {', '.join(field.metadata['examples'])}")
    kind = keys.described(field.type).replace(" (`key: value` lines)", "")
    return ", ".join([kind, *rules])


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f"`{one_line(field.default)}`"
    if field.default_factory is MISSING:
        return "required"
    made = field.default_factory()
    return f"`{one_line(made)}`" if isinstance(made, (dict, list)) else ""


def main() -> int:
    """Write the page. 0."""
    write_atomic(PAGE, text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
