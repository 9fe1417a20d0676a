"""What `recipe run` costs over running commands.sh by hand: stages train, convert and merge.

    python benchmarks/bench_wrapping.py
    python benchmarks/bench_wrapping.py --repeat 5

It rehearses medqa-qlora once in a temporary folder (the environment is built when it is missing),
then runs the three stages again in turns: through `recipe run --from train`, and through the same
run's commands.sh. The median of the wall times counts. At the end it times a run of everything that
is done already, which must execute nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECIPE = [str(Path(sys.executable).with_name("recipe")), "run", "medqa-qlora", "--rehearse", "-q"]
ENV = {
    **os.environ,
    "NO_COLOR": "1",
    "RECIPE_LANG": "en",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}


def seconds(argv: list[str], cwd: Path) -> float:
    begin = time.perf_counter()
    done = subprocess.run(argv, cwd=cwd, env=ENV, capture_output=True, check=False)
    took = time.perf_counter() - begin
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)} failed:\n{done.stdout.decode()}\n{done.stderr.decode()}")
    return took


def by_hand(run: Path) -> float:
    """commands.sh in a folder of its own, with what the three stages read."""
    with tempfile.TemporaryDirectory(dir=run.parent) as folder:
        for name in ("config.py", "commands.sh", "shim", "data", "standin"):
            path = run / name
            copy = shutil.copytree if path.is_dir() else shutil.copy2
            copy(path, Path(folder) / name)
        return seconds(["bash", "commands.sh"], Path(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="turns (default 3)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        print(f"the first rehearsal, whole: {seconds(RECIPE, here):.1f} s", flush=True)
        (record,) = here.glob("runs/*/*/run.json")
        wrapped, plain = [], []
        for turn in range(given.repeat):
            if turn % 2:  # who goes first changes: a busy moment must not always hit the same one
                plain.append(by_hand(record.parent))
            wrapped.append(seconds([*RECIPE, "--from", "train"], here))
            if not turn % 2:
                plain.append(by_hand(record.parent))
            print(f"  recipe run {wrapped[-1]:.2f} s   commands.sh {plain[-1]:.2f} s", flush=True)
        again = [seconds(RECIPE, here) for _ in range(5)]
    one, other = statistics.median(wrapped), statistics.median(plain)
    over, allowed = one - other, max(0.02 * other, 1.0)
    print(f"train, convert, merge, median of {given.repeat}:")
    print(f"  recipe run {one:.2f} s, commands.sh {other:.2f} s: {over:+.2f} s")
    print(f"  (best: {min(wrapped):.2f} s, {min(plain):.2f} s: {min(wrapped) - min(plain):+.2f} s)")
    print(f"  at most {allowed:.2f} s over: {verdict(over <= allowed)}")
    rerun = statistics.median(again)
    print(f"a finished run again: {rerun:.2f} s, under 1 s: {verdict(rerun < 1)}")


def verdict(good: bool) -> str:
    return "reached" if good else "NOT REACHED"


if __name__ == "__main__":
    main()
