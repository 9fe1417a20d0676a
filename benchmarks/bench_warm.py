"""A rehearsal with and without its warm worker, side by side; its environment must stand.

usage: python benchmarks/bench_warm.py [RECIPE ...]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time


def seconds(recipe: str, *more: str) -> float:
    """Of one rehearsal from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "orchestrator", "run", recipe, "--rehearse", *more]
        begin = time.perf_counter()
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
        return time.perf_counter() - begin


def main() -> None:
    print(f"{'recipe':28}{'plain, s':>10}{'warm, s':>10}{'ratio':>8}")
    for recipe in sys.argv[1:] or ["medqa-qlora", "medqa-lora-llamafactory"]:
        plain, warm = seconds(recipe, "--no-warm"), seconds(recipe)
        print(f"{recipe:28}{plain:10.1f}{warm:10.1f}{warm / plain:8.2f}")


if __name__ == "__main__":
    main()
