"""The three files of one run's report: a page, Markdown and JSON, each a pure text of the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.base import layout
from orchestrator.base.files import write_atomic
from orchestrator.report.chart import Chart, draw
from orchestrator.report.learnt import thinned
from orchestrator.report.page import as_json, document, page
from orchestrator.report.summary import Summary, summary

NAMES: Mapping[str, str] = {"html": layout.REPORT, "md": "report.md", "json": "report.json"}
"""Kind of a file by its suffix -> its name in the run directory."""
#: Rows of the table beside the curve.
_ROWS = 24


def texts(found: Summary) -> dict[str, str]:
    """The text of every kind of file, by suffix."""
    view = {"chart": _chart(found), "table": thinned(found["loss"]["points"], _ROWS)}
    return {
        "html": page("run.html.jinja", found, **view),
        "md": document("run.md.jinja", found, **view),
        "json": as_json(found),
    }


def write(root: Path, into: Path | None = None, *, found: Summary | None = None) -> dict[str, Path]:
    """The report of the run in ``root``, written into its directory or ``into``: the files' places.

    ``found`` is the summary of that run, where it is there already.
    Raises RecipeError when there is no run, or a file cannot be written.
    """
    folder = into or root
    folder.mkdir(parents=True, exist_ok=True)
    places = {kind: folder / name for kind, name in NAMES.items()}
    for kind, text in texts(found or summary(root)).items():
        if not _holds(places[kind], text):
            write_atomic(places[kind], text)
    return places


def is_current(root: Path, found: Summary) -> bool:
    """Whether the report in ``root`` is there and tells ``found``, as its JSON says: no page need
    be rendered to know."""
    is_there = all((root / name).is_file() for name in NAMES.values())
    return is_there and _holds(root / NAMES["json"], as_json(found))


def _holds(path: Path, text: str) -> bool:
    """Whether the file is as it should be: a run that is only looked at stays untouched."""
    return path.is_file() and path.read_bytes() == text.encode("utf-8")


def _chart(found: Summary) -> Chart | None:
    return draw([(step, _number(loss)) for step, loss, _ in found["loss"]["points"]])


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
