"""The edge to the terminal: what files and models say is printed, never obeyed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from orchestrator.base.text import is_safe, printable


def echo(text: str, *, err: bool = False, **style: Any) -> None:
    """Print lines. Control characters in ``text`` are spelled out; ``style`` is click's own."""
    click.secho(printable(text), err=err, color=colour(), **style)


def colour() -> bool | None:
    """False where the reader wants none (https://no-color.org), else as the stream can."""
    return False if os.environ.get("NO_COLOR") else None


def echo_json(value: object) -> None:
    """Print one JSON document: Chinese readable, control characters as JSON escapes."""
    import json

    text = json.dumps(value, ensure_ascii=False, indent=2)
    safe = (char if is_safe(char) else json.dumps(char)[1:-1] for char in text)
    click.echo("".join(safe))


def short(path: Path) -> str:
    """The path as seen from here, where it lies below this folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
