"""The edge to the terminal: what files and models say is printed, never obeyed."""

from __future__ import annotations

import json
from typing import Any

import click

from orchestrator.base.text import printable


def echo(text: str, *, err: bool = False, **style: Any) -> None:
    """Print lines. Control characters in ``text`` are spelled out; ``style`` is click's own."""
    click.secho(printable(text), err=err, **style)


def echo_json(value: object) -> None:
    """Print one JSON document: Chinese readable, control characters as JSON escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    click.echo("".join(char if _is_safe(char) else json.dumps(char)[1:-1] for char in text))


def _is_safe(char: str) -> bool:
    return char.isprintable() or char in "\n\u00a0\u3000"
