"""Data tools: turn what you have into what the engines read, and account for every row.

    from data_tools import read, write, split
    rows = list(read("MedQA2019.xlsx", columns={"input": "A", "output": "D"}))
    train, test = split(rows, train=0.7)
    write(train, "train.jsonl")

Importing the package costs next to nothing; each name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as in `typing`, without the cost of importing it

if TYPE_CHECKING:
    from data_tools.account import Account as Account
    from data_tools.account import TooManyRejects as TooManyRejects
    from data_tools.containers.opened import ReadOptions as ReadOptions
    from data_tools.containers.reading import read as read
    from data_tools.containers.writing import write as write
    from data_tools.errors import DataError as DataError
    from data_tools.errors import Reject as Reject
    from data_tools.formats.emitting import Lossy as Lossy
    from data_tools.operations.checking import check as check
    from data_tools.operations.cleaning import clean as clean
    from data_tools.operations.cleaning import roleplay as roleplay
    from data_tools.operations.cognition import self_cognition as self_cognition
    from data_tools.operations.converting import convert as convert
    from data_tools.operations.deduping import dedupe as dedupe
    from data_tools.operations.looking import look as look
    from data_tools.operations.mixing import mix as mix
    from data_tools.operations.mixing import sample as sample
    from data_tools.operations.pipeline import Input as Input
    from data_tools.operations.pipeline import Outcome as Outcome
    from data_tools.operations.pipeline import Pipeline as Pipeline
    from data_tools.operations.pipeline import run as run
    from data_tools.operations.splitting import Split as Split
    from data_tools.operations.splitting import split as split
    from data_tools.operations.steps import apply_steps as apply_steps
    from data_tools.operations.xcomposer_list import lint_list as lint_list
    from data_tools.operations.xcomposer_list import write_list as write_list
    from data_tools.rows import Row as Row

_HOMES = {
    "Account": "account",
    "DataError": "errors",
    "Reject": "errors",
    "Input": "operations.pipeline",
    "Outcome": "operations.pipeline",
    "Pipeline": "operations.pipeline",
    "ReadOptions": "containers.opened",
    "Row": "rows",
    "Split": "operations.splitting",
    "Lossy": "formats.emitting",
    "TooManyRejects": "account",
    "apply_steps": "operations.steps",
    "check": "operations.checking",
    "clean": "operations.cleaning",
    "convert": "operations.converting",
    "dedupe": "operations.deduping",
    "lint_list": "operations.xcomposer_list",
    "look": "operations.looking",
    "mix": "operations.mixing",
    "read": "containers.reading",
    "roleplay": "operations.cleaning",
    "run": "operations.pipeline",
    "sample": "operations.mixing",
    "self_cognition": "operations.cognition",
    "split": "operations.splitting",
    "write": "containers.writing",
    "write_list": "operations.xcomposer_list",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
