"""Small scripts that run in an engine's own Python, and the commands that run them."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base.plan import Command

_HERE = Path(__file__).resolve().parent
MAKE_STANDIN = _HERE / "make_standin.py"


def reload_tokenizer(folder: str) -> Command:
    """Load the tokenizer that was saved in ``folder`` and pass a text through it."""
    return Command(argv=("python", str(_HERE / "check_tokenizer.py"), folder), by_hand=False)
