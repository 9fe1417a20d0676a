"""The kit of every page: one self-contained HTML file from a template, and the values inside it."""

from __future__ import annotations

import json
import re
from typing import Any

from orchestrator.base.language import say
from orchestrator.base.text import is_safe
from orchestrator.rendering.templates import environment
from orchestrator.report import words

_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def page(template: str, values: dict[str, Any], /, **more: Any) -> str:
    """The HTML of ``templates/report/<template>``: ``values`` as ``it``, and inside it as JSON.

    Everything is escaped but what the templates themselves say. The page needs no network: style
    and script stand in it, and its own policy forbids the rest.
    """
    clean = plain(values)
    return _render(template, clean, data=as_data(clean), **more)


def document(template: str, values: dict[str, Any], /, **more: Any) -> str:
    """The Markdown of ``templates/report/<template>`` with ``values`` as ``it``."""
    return _render(template, plain(values), **more)


def as_json(values: dict[str, Any]) -> str:
    """The values as one JSON document for programs."""
    return json.dumps(plain(values), ensure_ascii=False, indent=2) + "\n"


def as_data(values: dict[str, Any]) -> str:
    """JSON that cannot end the script it stands in."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def data_in(html: str) -> Any:
    """The values inside a page; ValueError when it holds none that can be read."""
    found = _DATA.search(html)
    if found is None:
        raise ValueError(say("there are no figures in it", "其中没有数据"))
    return json.loads(found[1])


def plain(value: Any) -> Any:
    """The same without control characters, which no page may hold, and lone surrogates."""
    if isinstance(value, str):
        return "".join(char if is_safe(char) else "\ufffd" for char in value)
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def _render(template: str, values: dict[str, Any], **more: Any) -> str:
    env = environment(html=template.endswith(".html.jinja"))
    return env.get_template(f"report/{template}").render(it=values, words=words, cell=cell, **more)


def cell(text: object) -> str:
    """Text inside a table of Markdown: one line, no column, no HTML, no mark-up of its own."""
    line = " ".join(str(text).split())
    return re.sub(r"([\\`*_\[\]|<>#~])", r"\\\1", line)
