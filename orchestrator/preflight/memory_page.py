"""docs/memory.md and its Chinese twin: what the shipped recipes take.

Their tables are written by ``python -m orchestrator.preflight.memory_page``; a test holds the pages
to it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from orchestrator.base.files import write_atomic
from orchestrator.base.paths import shipped_recipes_dir
from orchestrator.fit.cards import card
from orchestrator.planning.feasible import load
from orchestrator.preflight.advice import smallest_change
from orchestrator.preflight.fitting import Fit, fit
from orchestrator.recipe.dump import one_line

_DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = (_DOCS / "memory.md", _DOCS / "memory_zh-CN.md")
GIB = 2**30
BEGIN, END = "<!-- generated: python -m orchestrator.preflight.memory_page -->", "<!-- end -->"
CARDS = ("8GB", "12GB", "16GB", "24GB")


_HEADS = {
    False: (
        ("recipe", "GPUs", "train, GiB each", "most, GiB each", "host, GiB", "smallest card"),
        ("recipe", "card", "smallest change that fits"),
        "none known",
    ),
    True: (
        ("配方", "GPU 数", "训练（每卡 GiB）", "最多（每卡 GiB）", "主机（GiB）", "最小显卡"),
        ("配方", "显卡", "能放下的最小改动"),
        "没有已知的改动",
    ),
}


def text(page: str, *, chinese: bool = False) -> str:
    """The page with its tables made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(chinese)}{END}{after}"


def table(chinese: bool) -> str:
    """One line a shipped recipe, then what makes each fit a smaller card."""
    recipes, changes, none = _HEADS[chinese]
    fits = [(name, fit(load(name, complete=False).recipe, remember=False)) for name in _names()]
    lines = [
        *_head(recipes),
        *(_line(name, found) for name, found in fits),
        "",
        *_head(changes),
        *(line for name, found in fits for line in _changes(name, found, none)),
    ]
    return "\n".join(lines) + "\n"


def _head(names: tuple[str, ...]) -> list[str]:
    return [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]


def _names() -> list[str]:
    return sorted(path.stem for path in shipped_recipes_dir().glob("*.yaml"))


def _line(name: str, found: Fit) -> str:
    train = next((one.need.gpu.total for one in found.stages if one.stage == "train"), None)
    most = found.smallest
    cells = (
        *(name, found.gpus, _size(train), _size(found.gpu), _size(found.host)),
        f"{most.name}" if most else found.unknown or "-",
    )
    return f"| {' | '.join(map(str, cells))} |"


def _size(size: int | None) -> str:
    return "unknown" if size is None else f"{size / GIB:.1f}"


def _changes(name: str, found: Fit, none: str) -> Iterator[str]:
    if found.shape is None or found.gpu is None:
        return
    for word in CARDS:
        if found.gpu <= card(word).bytes:
            continue
        change = smallest_change(found.recipe, found.shape, card(word), found.gpus)
        words = " ".join(f"--set {key}={one_line(value)}" for key, value in (change or {}).items())
        yield f"| {name} | {card(word).name} | {f'`{words}`' if words else none} |"


def main() -> int:
    """Write the tables of both pages. 0."""
    for page in PAGES:
        write_atomic(page, text(page.read_text(encoding="utf-8"), chinese=page.stem.endswith("CN")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
