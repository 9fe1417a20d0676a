"""How fast the command line answers, beside a bare `import click` and beside the engines' own.

    python benchmarks/bench_cli.py                 # the Python that has `recipe` installed
    python benchmarks/bench_cli.py --repeat 21

Every command runs in a process of its own; the commands take turns, so that a busy moment hits all
of them alike, and the median of their wall times counts. Engines' commands are measured where their
environments are installed (`recipe env list`), fewer times because they are slow.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.errors import RecipeError
from orchestrator.engines import registry
from orchestrator.envs import inventory

RECIPE = [str(Path(sys.executable).with_name("recipe"))]
BASE = "python -c 'import click'"
#: Whatever this machine lacks, the rules are asked, and the command ends well.
CONTENT = [
    word
    for rule in ("gpu", "gpu-memory", "host-memory", "disk-space", "compute-capability", "driver")
    for word in ("--set", f"preflight.ignore.{rule}=a benchmark")
]
QUIET = {"NO_COLOR": "1", "RECIPE_LANG": "en", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True)
class Limit:
    """A ratio to keep: ``name`` takes at most ``most`` times, or at least ``least`` times less."""

    name: str
    other: str
    most: float | None = None
    least: float | None = None


LIMITS = (
    Limit("recipe list", BASE, most=3),
    Limit("recipe --help", BASE, most=3),
    Limit("recipe render medqa-qlora", BASE, most=6),
    Limit("recipe fit medqa-qlora", BASE, most=10),
    Limit("recipe check medqa-qlora", BASE, most=12),
    Limit("recipe list", "llamafactory-cli version", least=20),
    Limit("recipe --help", "llamafactory-cli version", least=20),
    Limit("recipe render medqa-qlora", "llamafactory-cli version", least=20),
    Limit("recipe list", "xtuner list-cfg", least=5),
    Limit("recipe --help", "xtuner list-cfg", least=5),
    Limit("recipe render medqa-qlora", "xtuner list-cfg", least=5),
)


def seconds(argv: list[str], cwd: Path, env: Mapping[str, str]) -> float:
    begin = time.perf_counter()
    done = subprocess.run(argv, cwd=cwd, env=dict(env), capture_output=True, check=False)
    took = time.perf_counter() - begin
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)} failed:\n{done.stderr.decode(errors='replace')}")
    return took


def engine_commands() -> dict[str, tuple[list[str], dict[str, str]]]:
    """name -> argv and variables of the engines' own commands that are installed here."""
    wanted = {
        "xtuner@0.2.0": ["xtuner", "list-cfg"],
        "llamafactory@0.9.5": ["llamafactory-cli", "version"],
    }
    found = {}
    for name, argv in wanted.items():
        try:
            environment = inventory.find(registry.release(name))
        except RecipeError:
            environment = None
        if environment is None:
            print(f"not measured: {' '.join(argv)} (missing: recipe env install {name})")
            continue
        program = str(environment.which(argv[0]))
        found[" ".join(argv)] = [program, *argv[1:]], environment.environ({**os.environ, **QUIET})
    return found


def measure(repeat: int, slow: int) -> dict[str, list[float]]:
    own = {
        BASE: [sys.executable, "-c", "import click"],
        "recipe list": [*RECIPE, "list"],
        "recipe --help": [*RECIPE, "--help"],
        "recipe fit medqa-qlora": [*RECIPE, "fit", "medqa-qlora", "--gpu", "24GB"],
        "recipe check medqa-qlora": [*RECIPE, "check", "medqa-qlora", *CONTENT],
        "recipe render medqa-qlora": [*RECIPE, "render", "medqa-qlora", "-f", "-o", "pack"],
    }
    env = {**os.environ, **QUIET}
    others = engine_commands()
    taken: dict[str, list[float]] = {name: [] for name in (*own, *others)}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(repeat + 1):  # the first turn fills the file cache and is not counted
            for name, argv in own.items():
                took = seconds(argv, Path(folder), env)
                if turn:
                    taken[name].append(took)
            if turn <= slow:
                for name, (argv, variables) in others.items():
                    took = seconds(argv, Path(folder), variables)
                    if turn:
                        taken[name].append(took)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=15, help="counted turns (default 15)")
    parser.add_argument("--slow", type=int, default=3, help="turns of the engines (default 3)")
    given = parser.parse_args()
    taken = measure(given.repeat, given.slow)
    print(f"{'command':<28}{'median':>9}{'best':>9}{'worst':>9}  turns")
    for name, times in taken.items():
        shown = "".join(
            f"{t * 1000:>6.0f} ms" for t in (statistics.median(times), min(times), max(times))
        )
        print(f"{name:<28}{shown}  {len(times)}")
    print()
    for limit in LIMITS:
        if limit.other not in taken:
            continue
        one, other = statistics.median(taken[limit.name]), statistics.median(taken[limit.other])
        if limit.most is not None:
            said, good = f"{one / other:5.1f} x, at most {limit.most:g}", one / other <= limit.most
        else:
            least = limit.least or 0
            said, good = f"{other / one:5.1f} x faster, at least {least:g}", other / one >= least
        print(f"{limit.name:<28}{limit.other:<28}{said:<28}{'reached' if good else 'NOT REACHED'}")


if __name__ == "__main__":
    main()
