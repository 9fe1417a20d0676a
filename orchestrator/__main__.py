"""``python -m orchestrator``: the same command line as ``recipe``."""

from orchestrator.cli import main

main()
