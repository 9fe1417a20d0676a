"""The two Jinja environments, strict and sandboxed: one for Python files, one for all others.

Values from a recipe reach a template only as data. In a ``.py.jinja`` template whatever a hole
prints is Python source, unless a filter made it something else: ``name`` an identifier, ``names``
several, ``comment`` one harmless comment line. In other templates ``yaml`` prints a value in one
line of YAML, ``sh`` one shell word. An unknown name in a template is an error.
"""

from __future__ import annotations

import functools
import shlex
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base.language import say
from orchestrator.base.paths import templates_dir
from orchestrator.base.text import printable
from orchestrator.recipe.dump import one_line
from orchestrator.rendering.pysource import Name, is_identifier, to_source

if TYPE_CHECKING:
    from jinja2 import Environment


class TemplateFault(Exception):
    """What is wrong with a template, with its file and line."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")
        self.what = what
        self.why = why


def as_comment(text: object) -> Name:
    """One line that cannot end a comment nor speak to a terminal: every kind of line break becomes
    a space, control characters are spelled out."""
    return Name(" ".join(printable(str(text)).split()))


def as_name(text: str) -> Name:
    """A dotted identifier, printed bare; ValueError for anything else."""
    if not all(map(is_identifier, text.split("."))):
        raise ValueError(say(f"{text!r} is no name of Python", f"{text!r} 不是 Python 名称"))
    return Name(text)


def as_names(names: list[str]) -> Name:
    """Identifiers in one line after `import`, or in brackets where that line would be long."""
    checked = [as_name(name) for name in names]
    line = ", ".join(checked)
    if len(line) <= 50:
        return Name(line)
    return Name("(\n" + "".join(f"    {name},\n" for name in checked) + ")")


def as_source(value: object, column: int = 0, indent: int = 0) -> Name:
    """Python source that begins at ``column`` of a line indented by ``indent``."""
    return Name(to_source(value, column=column, indent=indent))


def otherwise(value: Any, default: object) -> object:
    """``default`` for null; whole numbers without their `.0`, as a reader writes them."""
    if value is None:
        return default
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _printed(value: object) -> object:
    from jinja2 import Undefined

    return value if isinstance(value, Undefined) else to_source(value)


@functools.cache
def environment(*, python: bool = False, html: bool = False) -> Environment:
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    env = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(templates_dir(), encoding="utf-8"),
        undefined=StrictUndefined,
        autoescape=html,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printed if python else None,
    )
    env.filters.update(
        py=as_source,
        yaml=one_line,
        sh=shlex.quote,
        comment=as_comment,
        name=as_name,
        names=as_names,
        otherwise=otherwise,
    )
    return env


def render(template: str, /, **values: Any) -> str:
    """The text of ``templates/<template>`` with ``values`` filled in."""
    python = template.endswith(".py.jinja")
    return environment(python=python).get_template(template).render(**values)


def render_file(path: Path, /, **values: Any) -> str:
    """A user's own Python template; :class:`TemplateFault` says what is wrong with it, and where.

    It sees what the shipped templates see, and may `{% extends %}` or `{% include %}` those.
    """
    import ast

    from jinja2 import TemplateError, TemplateSyntaxError

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or say(
            "it is not UTF-8 text", "它不是 UTF-8 文本"
        )
        raise TemplateFault(say(f"{path} cannot be read", f"无法读取 {path}"), reason) from error
    try:
        rendered = environment(python=True).from_string(text).render(**values)
    except TemplateSyntaxError as error:
        place = f"{path}:{error.lineno}"
        what = say(f"{place} is no template", f"{place} 不是模板")
        raise TemplateFault(what, str(error.message)) from error
    except (TemplateError, ValueError, TypeError, ArithmeticError, LookupError) as error:
        place = f"{path}{_line_of(error)}"
        what = say(f"{place} cannot be filled in", f"无法填写 {place}")
        raise TemplateFault(what, str(error)) from error
    try:
        ast.parse(rendered)
    except (SyntaxError, ValueError) as error:
        what = say(f"what {path} gives is no Python", f"{path} 生成的不是 Python")
        if isinstance(error, SyntaxError):
            what += say(f" line {error.lineno}", f"，第 {error.lineno} 行")
        raise TemplateFault(what, str(error)) from error
    return rendered


def _line_of(error: BaseException) -> str:
    """Jinja puts the template's own lines into the traceback, as `<template>`."""
    lines = [
        f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == "<template>"
    ]
    return f":{lines[-1]}" if lines and lines[-1] else ""
