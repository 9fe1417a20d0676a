"""A resolved recipe as YAML text: recipe.lock.yaml, and whatever else writes a recipe."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.base.secrets import redacted
from orchestrator.recipe.schema import Recipe
from orchestrator.recipe.yaml_tree import scalar

#: Text that stands without quotes: it begins with a letter or as a path does, and holds
#: no ": " and no " #".
_PLAIN = re.compile(r"(?:[^\W\d_]|\.{0,2}/)(?:[\w ./()+@%,'-]|:(?=[\w/])|(?<=\w)#)*(?<! )")
#: Words that some YAML 1.1 reader takes for true, false or a number.
_YAML_1_1 = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null|inf|nan")
#: What separates nothing inside brackets.
_PLAIN_IN_FLOW = re.compile(r"[\w./@+-]*")


def dump(recipe: Recipe) -> str:
    """Every value, in the schema's order. Loading the text gives an equal recipe.

    YAML 1.1 readers take it the same way: their words for true and false are quoted, and every
    float has a point. The text is stored and handed in, so that addresses lose their passwords.
    """
    values = recipe.model_dump()
    for source in values["data"]["sources"]:
        source["url"] = source["url"] and redacted(source["url"])
    return dump_mapping(values)


def dump_mapping(values: Mapping[str, Any]) -> str:
    """The same for any plain mapping."""
    return "".join(f"{line}\n" for line in _mapping(values, ""))


def _mapping(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in values.items():
        yield from _entry(f"{indent}{_text(key)}:", value, indent)


def _entry(start: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        yield start
        yield from _inside(value, f"{indent}  ")
    else:
        yield f"{start} {one_line(value)}"


def _inside(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _mapping(value, indent)
        return
    for item in value:
        if isinstance(item, (dict, list)) and item:
            first, *rest = _inside(item, f"{indent}  ")
            yield f"{indent}- {first.lstrip(' ')}"
            yield from rest
        else:
            yield f"{indent}- {one_line(item)}"


def one_line(value: Any) -> str:
    """A value as YAML in one line (flow style when it has parts)."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_text(k)}: {_flow(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(item) for item in value)}]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _float(value)
    return json.dumps(value)


def _flow(value: Any) -> str:
    """The same inside brackets, where a comma would separate."""
    if isinstance(value, str) and not _PLAIN_IN_FLOW.fullmatch(value):
        return _quoted(value)
    return one_line(value)


def _text(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and not _YAML_1_1.fullmatch(text) and scalar(text) == text
    return text if plain and text.isprintable() else _quoted(text)


def _quoted(text: str) -> str:
    """Double quotes; Chinese stays readable, what a terminal cannot show is escaped."""
    made = json.dumps(text, ensure_ascii=False)
    return "".join(item if item.isprintable() else _escaped(item) for item in made)


def _escaped(item: str) -> str:
    code = ord(item)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _float(number: float) -> str:
    """A float as YAML 1.1 reads it too: `2.0e-05`, where Python would write `2e-05`."""
    text = repr(number)
    if "inf" in text or "nan" in text:
        return {"inf": ".inf", "-inf": "-.inf"}.get(text, ".nan")
    mantissa, e, exponent = text.partition("e")
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    sign = "" if not e or exponent[0] in "+-" else "+"
    return f"{mantissa}{e}{sign}{exponent}"
