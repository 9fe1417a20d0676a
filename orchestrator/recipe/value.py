"""Frozen values that pydantic validates, without the time that importing pydantic costs.

A :class:`Value` is a standard-library dataclass; a field's ``metadata`` holds the keywords that
pydantic's own ``Field`` takes, so ``pydantic.TypeAdapter`` understands every class (the JSON
Schema comes from there). At run time the same rules go straight to pydantic's compiled validator,
``pydantic_core``: 60 ms less for every command. A test holds the two to the same answers. The
method names are pydantic's.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields, is_dataclass, replace
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

_Self = TypeVar("_Self", bound="Value")

Problem = tuple[str, ...]
"""A message, and the key that it is about when it is about one."""


def about(description: str, **rules: Any) -> dict[str, Any]:
    """A field's metadata: its documentation, and limits by pydantic's names (ge, pattern, …).

    A ``pattern`` comes with ``examples``, which a fault shows.
    """
    return {"description": description, **rules}


@dataclass(frozen=True, kw_only=True)
class Value:
    """Base of everything in a recipe."""

    #: Read by pydantic when it makes the JSON Schema.
    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    @classmethod
    def problems(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """What is wrong between the fields of one value, whose types may still be wrong."""
        return iter(())

    def __post_init__(self) -> None:
        for message, *key in self.problems(vars(self)):
            raise ValueError(": ".join([*key, message]))

    @classmethod
    def model_validate(cls: type[_Self], data: object) -> _Self:
        """The value that ``data`` (plain mappings and lists) describes.

        Raises pydantic's ``ValidationError``, which lists every fault with its place.
        """
        made: _Self = _validator(cast(Hashable, cls)).validate_python(data)
        return made

    def model_copy(self: _Self, *, update: dict[str, Any] | None = None) -> _Self:
        """A copy with some fields changed; the new values are taken as they are."""
        return replace(self, **(update or {}))

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] = "python",
        exclude: Collection[str] = (),
        exclude_none: bool = False,
    ) -> dict[str, Any]:
        """Plain mappings and lists, in the order of the schema.

        ``exclude`` names fields of this value, ``exclude_none`` goes all the way down. Every value
        is JSON already, so ``mode`` makes no difference.
        """
        kept = {key: one for key, one in asdict(self).items() if key not in exclude}
        return cast(dict[str, Any], _without_none(kept)) if exclude_none else kept


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list) else value


@cache
def _validator(cls: Any) -> Any:
    from pydantic_core import SchemaValidator

    return SchemaValidator(_dataclass(cls))


def _dataclass(cls: type[Any]) -> Any:
    return {
        "type": "dataclass",
        "cls": cls,
        "schema": {
            "type": "dataclass-args",
            "dataclass_name": cls.__name__,
            "fields": [_field(one) for one in fields(cls)],
            "extra_behavior": "forbid",
        },
        "fields": [one.name for one in fields(cls)],
        "post_init": True,
        "frozen": True,
    }


def _field(one: "Field[Any]") -> dict[str, Any]:
    rules = {key: rule for key, rule in one.metadata.items() if key not in _WORDS}
    schema = _schema(one.type, rules)
    if one.default is not MISSING:
        schema = {"type": "default", "schema": schema, "default": one.default}
    elif one.default_factory is not MISSING:
        schema = {"type": "default", "schema": schema, "default_factory": one.default_factory}
    return {"type": "dataclass-field", "name": one.name, "kw_only": True, "schema": schema}


_WORDS = ("description", "examples")

_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "str", "strict": True},
    int: {"type": "int", "strict": True},
    float: {"type": "float", "strict": True, "allow_inf_nan": False},
    bool: {"type": "bool", "strict": True},
    Any: {"type": "any"},
}


def _schema(kind: Any, rules: dict[str, Any]) -> dict[str, Any]:
    """The core schema of one annotation. Only the forms that the recipe schema uses."""
    if kind in _SCALARS:
        schema = {**_SCALARS[kind], **rules}
        return _kept_whole(schema) if kind is float else schema
    if is_dataclass(kind) and isinstance(kind, type):
        return dict(_dataclass(kind))
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"type": "literal", "expected": list(inner)}
    if origin in (Union, UnionType):
        return _union([one for one in inner if one is not NoneType], rules, NoneType in inner)
    if origin is list:
        return {"type": "list", "strict": True, "items_schema": _schema(inner[0], {}), **rules}
    if origin is dict:
        keys, values = (_schema(one, {}) for one in inner)
        return {"type": "dict", "strict": True, "keys_schema": keys, "values_schema": values}
    raise TypeError(f"no validator for a field of type {kind!r}")


def _kept_whole(schema: dict[str, Any]) -> dict[str, Any]:
    """A float that is a whole number stays an int: configs read `3`, as tutorials write it."""
    return {
        "type": "function-after",
        "schema": schema,
        "function": {"type": "no-info", "function": _whole},
    }


def _whole(number: float) -> float:
    return int(number) if number.is_integer() else number


def _union(kinds: list[Any], rules: dict[str, Any], optional: bool) -> dict[str, Any]:
    if len(kinds) == 1:
        schema = _schema(kinds[0], rules)
    else:
        schema = {"type": "union", "choices": [_schema(one, {}) for one in kinds]}
    return {"type": "nullable", "schema": schema} if optional else schema
