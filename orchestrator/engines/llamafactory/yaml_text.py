"""Values for the engine's YAML files, which OmegaConf reads: everything stays data.

OmegaConf takes ``${…}`` in a string for a reference (to another key, or to the environment) and
``???`` for a value that is missing. Source: omegaconf/grammar/OmegaConfGrammarLexer.g4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.recipe.dump import one_line

_REFERENCE = re.compile(r"(\\*)\$\{")


def literal(value: Any) -> Any:
    """``value`` with every string escaped so that OmegaConf gives it back unchanged."""
    if isinstance(value, str):
        return _literal_text(value)
    if isinstance(value, Mapping):
        return {str(key): literal(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [literal(one) for one in value]
    return value


def _literal_text(text: str) -> str:
    if text == "???":
        raise UsageError(
            say("The text ??? cannot be a value of this engine.", "文本 ??? 不能作为该引擎的值。"),
            why=say(
                "its YAML reader takes ??? for a value that is missing",
                "它的 YAML 读取器把 ??? 当作缺失的值",
            ),
            fix=say("write the value", "写出实际的值"),
        )
    # Backslashes before a reference are doubled, one more makes the reference plain text.
    return _REFERENCE.sub(lambda found: found[1] * 2 + "\\${", text)


def line(value: Any) -> str:
    """One value as YAML; floats as YAML 1.1 reads them (1.0e-04)."""
    return one_line(literal(value))


def override(key: str, value: Any, *, plain: bool = False) -> str:
    """``key=value`` after a YAML file; ``plain``: for a release whose YAML has no references."""
    return f"{key}={one_line(value) if plain else line(value)}"
