"""Where ``engine_options`` go in the rendered config.

A key that names a setting of PART 1 replaces its value there, so that everything which uses the
setting follows. A nested key changes one value of a section; any other key becomes a variable of
its own. All of it is data: keys must be identifiers, values are printed through ``repr``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.base.errors import UsageError
from orchestrator.rendering.pysource import assignment, is_identifier


@dataclass(frozen=True)
class PlacedOptions:
    """``settings``: new values for PART 1; ``lines``: statements of PART 6."""

    settings: Mapping[str, Any]
    lines: tuple[str, ...]


def place(
    options: Mapping[str, Any],
    settings: Collection[str],
    sections: Mapping[str, Any],
    runtime: Collection[str],
) -> PlacedOptions:
    """Sort ``options`` into settings and statements; UsageError for a key Python cannot name."""
    nested = _undotted(options)
    changed = {key: value for key, value in nested.items() if key in settings}
    dictionaries = {key for key, value in sections.items() if isinstance(value, Mapping)}
    lines: list[str] = []
    for key, value in nested.items():
        _check_key(key)
        if key in changed:
            continue
        if isinstance(value, Mapping) and (key in dictionaries or key in runtime):
            lines.extend(_leaf_assignments(key, value))
        else:
            lines.append(assignment(key, value))
    heading = ["#" * 71, f"#{'PART 6  engine_options of the recipe':^69}#", "#" * 71]
    return PlacedOptions(changed, (*heading, *lines) if lines else ())


def _undotted(options: Mapping[str, Any]) -> dict[str, Any]:
    """``{"a.b": 1}`` as ``{"a": {"b": 1}}``, merged with nested spellings of the same key."""
    result: dict[str, Any] = {}
    for key, value in options.items():
        *parents, last = str(key).split(".")
        here = result
        for parent in parents:
            deeper = here.setdefault(parent, {})
            if not isinstance(deeper, dict):
                raise UsageError(
                    f"engine_options.{key} goes into {parent}, which is set to a plain value too.",
                    where=f"engine_options.{key}",
                    fix="write it once",
                )
            here = deeper
        both = isinstance(here.get(last), dict) and isinstance(value, Mapping)
        here[last] = {**here[last], **value} if both else _plain(value)
    return result


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _leaf_assignments(target: str, value: Mapping[str, Any]) -> Iterator[str]:
    """One statement a leaf, so that the rest of the section keeps what it had."""
    for key, inner in value.items():
        place_ = f"{target}[{key!r}]"
        if isinstance(inner, Mapping) and inner:
            yield f"{target}.setdefault({key!r}, {{}})"
            yield from _leaf_assignments(place_, inner)
        else:
            yield assignment(place_, inner)


def _check_key(key: str) -> None:
    if not is_identifier(key):
        raise UsageError(
            f"{key!r} cannot be a variable of a Python config.",
            where=f"engine_options.{key}",
            why="a key of engine_options becomes a variable name",
            fix="use letters, digits and underscores",
        )
