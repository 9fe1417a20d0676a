"""Whether values from a file have the types that a dataclass writes down."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def misfits(cls: type[Any], values: Mapping[str, object]) -> list[str]:
    """The names among ``values`` whose value is not of the type that ``cls`` gives that field."""
    hints = get_type_hints(cls)
    return [name for name, value in values.items() if not _fits(value, hints.get(name, Any))]


def _fits(value: object, kind: Any) -> bool:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin is Literal:
        return value in inner
    if origin in (Union, UnionType):
        return any(_fits(value, choice) for choice in inner)
    if origin in (list, tuple):
        return isinstance(value, origin) and all(_fits(item, inner[0]) for item in value)
    if origin is not None:
        return isinstance(value, Mapping) and all(
            _fits(key, inner[0]) and _fits(item, inner[1]) for key, item in value.items()
        )
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
