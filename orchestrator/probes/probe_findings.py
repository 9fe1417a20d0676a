"""What an engine's check found: faults, warnings and figures. Imported in the engine's own Python.

The check scripts of the engines put this folder on their path; nothing here imports the package.
"""

from __future__ import annotations

import difflib
import importlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

FAULTS: list[dict[str, str | None]] = []
WARNINGS: list[str] = []
FIGURES: dict[str, Any] = {}
#: With fewer optimizer steps a model usually comes out unchanged.
FEW_STEPS = 50


def fault(what: str, why: str | None = None, fix: str | None = None) -> None:
    """Something that must be corrected before training starts."""
    FAULTS.append({"what": what, "why": why, "fix": fix})


def near(word: str, known: Iterable[str]) -> str:
    """ " Did you mean X?" for the nearest known word; empty when none is near."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {found[0]}?" if found else ""


def last_line(error: BaseException) -> str:
    """The last line of an error's text: where libraries put the cause."""
    return (str(error).strip() or repr(error)).splitlines()[-1]


def must_import(names: Iterable[str], *, fix: Callable[[str], str]) -> None:
    """A fault for each package that this Python cannot import; ``fix`` says what helps with it."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # a broken extension raises anything
            what = f"{name} cannot be imported in this environment."
            fault(what, why=last_line(error), fix=fix(name))


def warn_of_few_steps(steps: int, how: str = "") -> None:
    """Warn when training takes so few optimizer steps that nothing is learnt."""
    if steps < FEW_STEPS:
        WARNINGS.append(
            f"only {steps} optimizer steps{how}: the model may come out unchanged; more epochs, "
            "less accumulation, or more rows help"
        )


def old_tokenizer_file(folder: Path, version: str) -> Path | None:
    """A tokenizer file of the model's own that transformers ``version`` cannot use.

    From 4.45 on transformers passes padding_side to ``_pad``; older files stop at the first
    text that they encode. (LLaMA-Factory has its own _pad while it trains: there it is the model
    that it saved whose tokenizer nobody else can use.)
    """
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < (4, 45):
        return None
    for file in sorted(folder.glob("tokenization_*.py")):
        text = file.read_text("utf-8", errors="replace")
        if "def _pad(" in text and "padding_side" not in text:
            return file
    return None


def refuse_old_tokenizer(folder: Path, version: str, *, fix: str) -> bool:
    """Report :func:`old_tokenizer_file` as a fault; whether there was one."""
    file = old_tokenizer_file(folder, version)
    if file is not None:
        fault(
            f"{file.name} was written for transformers below 4.45; this is {version}.",
            why="its _pad() takes no padding_side, so whoever encodes a text with it stops",
            fix=fix,
        )
    return file is not None


def write(report: str, **more: Any) -> None:
    """Write the findings as JSON to ``report``, with ``more``, and print them for the log."""
    found = {"faults": FAULTS, "warnings": WARNINGS, "figures": FIGURES, **more}
    text = json.dumps(found, ensure_ascii=False, indent=2)
    Path(report).write_text(text + "\n", encoding="utf-8")
    for one in FAULTS:
        print(f"fault: {one['what']}")
    for warning in WARNINGS:
        print(f"warning: {warning}")
    print(", ".join(f"{key} {value}" for key, value in FIGURES.items()))
