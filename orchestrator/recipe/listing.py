"""What `recipe list` shows. It reads titles and never builds the schema: it is to be instant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.recipe.chain import read_chain
from orchestrator.recipe.faults import Fault, RecipeFaults
from orchestrator.recipe.find import recipe_files


@dataclass(frozen=True)
class Listed:
    """One line of the list. ``title`` and ``engine`` may be inherited; "" when nobody says them."""

    name: str
    path: Path
    title: str
    engine: str
    faulty: bool = False


def listing() -> list[Listed]:
    """Every recipe that a name reaches, sorted by name."""
    return [_listed(name, path) for name, path in recipe_files().items()]


def _listed(name: str, path: Path) -> Listed:
    faults: list[Fault] = []
    try:
        chain = read_chain(path, faults)
    except RecipeFaults:
        return Listed(name, path, "", "", faulty=True)
    found = {}
    for _, node in reversed(chain):
        found.update({key: one.value for key, one in node.value.items() if one.value is not None})
    said = [found.get(key) for key in ("title", "engine")]
    title, engine = (one if isinstance(one, str) else "" for one in said)
    return Listed(name, path, title, engine, faulty=bool(faults) or not (title and engine))
