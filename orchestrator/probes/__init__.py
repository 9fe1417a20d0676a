"""Small scripts that run in an engine's own Python, and the commands that run them."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base.plan import Command
from orchestrator.recipe.schema import Model
from orchestrator.recipe.trust import trusts_remote_code

_HERE = Path(__file__).resolve().parent
MAKE_STANDIN = _HERE / "make_standin.py"
WARM_WORKER = _HERE / "warm_worker.py"
MAKE_OWN_STANDIN = _HERE / "make_own_standin.py"


def reload_tokenizer(folder: str, model: Model) -> Command:
    """Load the tokenizer that was saved in ``folder`` and pass a text through it.

    Code that ``model`` brought runs only where it is trusted.
    """
    allowed = ("own-code",) if trusts_remote_code(model) else ()
    argv = ("python", str(_HERE / "check_tokenizer.py"), folder, *allowed)
    return Command(argv=argv, by_hand=False)
