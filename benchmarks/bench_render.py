"""Render 1,000 variants of one recipe (learning rates x ranks) in one process: time and memory.

usage: python benchmarks/bench_render.py [RECIPE]
"""

from __future__ import annotations

import hashlib
import resource
import sys
import time

from orchestrator.engines import registry
from orchestrator.planning import job as jobs
from orchestrator.recipe.load import load

RATES, RANKS = 100, 10
LIMIT_SECONDS, LIMIT_MB = 5.0, 200.0


def sweep(recipe: str) -> set[str]:
    """Load, build and render every variant; the digests of what the engine reads."""
    found = set()
    for rate in range(1, RATES + 1):
        for rank in range(1, RANKS + 1):
            sets = [f"train.learning_rate={rate}.0e-5", f"train.lora.rank={rank * 8}"]
            loaded = load(recipe, sets=sets, environ={})
            job = jobs.build(loaded, must_find_rows=False)
            files = registry.get(job.release.engine).files(job)
            text = "".join(file.text for file in files)
            found.add(hashlib.sha256(text.encode()).hexdigest())
    return found


def main() -> int:
    recipe = sys.argv[1] if len(sys.argv) > 1 else "emollm-glm4-lora"
    begin = time.perf_counter()
    variants = sweep(recipe)
    seconds = time.perf_counter() - begin
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{recipe}: {len(variants)} different variants in {seconds:.2f} s, {megabytes:.0f} MB")
    print(f"limits: {LIMIT_SECONDS:.0f} s, {LIMIT_MB:.0f} MB")
    good = len(variants) == RATES * RANKS and seconds < LIMIT_SECONDS and megabytes < LIMIT_MB
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
