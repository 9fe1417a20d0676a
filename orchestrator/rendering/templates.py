"""The one Jinja environment. Templates are text with substitution and plain loops.

Values from a recipe reach a template only as data: ``py`` prints Python source, ``yaml`` a value in
one line of YAML, ``sh`` one shell word, ``comment`` one harmless comment line. An unknown name in
a template is an error.
"""

from __future__ import annotations

import functools
import shlex
from typing import TYPE_CHECKING, Any

from orchestrator.base.paths import templates_dir
from orchestrator.recipe.dump import one_line
from orchestrator.rendering.pysource import assignment, to_source

if TYPE_CHECKING:
    from jinja2 import Environment


def as_comment(text: object) -> str:
    """One line that cannot end a comment: every kind of line break becomes a space."""
    return " ".join(str(text).split())


@functools.cache
def environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    env = Environment(
        loader=FileSystemLoader(templates_dir(), encoding="utf-8"),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(py=to_source, yaml=one_line, sh=shlex.quote, comment=as_comment)
    env.globals["assign"] = assignment
    return env


def render(template: str, **values: Any) -> str:
    """The text of ``templates/<template>`` with ``values`` filled in."""
    return environment().get_template(template).render(**values)
