"""Flags of a training script: from values to the words of its command line."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

#: A flag without a value: ``--fp16``. Any other value is written behind its flag, True as well
#: (``--fix_vit True``); None leaves the flag out, so that the script's own default holds.
SWITCH = object()

Flags = Mapping[str, object]


def words(flags: Flags) -> list[list[str]]:
    """The words of each flag: ``["--learning_rate", "2e-2"]``."""
    return [
        [f"--{name}"] if value is SWITCH else [f"--{name}", *_values(value)]
        for name, value in flags.items()
        if value is not None
    ]


def lines(flags: Flags) -> list[str]:
    """One line of shell for each flag, quoted."""
    return [shlex.join(each) for each in words(flags)]


def _values(value: object) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [number(each) for each in value]
    return [number(value)]


def number(value: object) -> str:
    """``value`` as the scripts write it: 2e-2, 1e-4, 0.1, 1.0 as 1."""
    if not isinstance(value, float):
        return str(value)
    if 0 < abs(value) < 0.1:
        mantissa, _, exponent = f"{value:e}".partition("e")
        short = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
        return short if float(short) == value else repr(value)
    return str(int(value)) if value.is_integer() else repr(value)
