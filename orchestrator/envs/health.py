"""Is an environment whole? Only importing the engine's tools, in its own Python, tells."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base.errors import RecipeError
from orchestrator.envs import indexes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.envs.environment import Environment

_HERE = Path(__file__).parent
_TIMEOUT = 900.0


@dataclass(frozen=True)
class Import:
    """One tool module: ``error`` is None when it imported; ``seconds`` to import it."""

    module: str
    seconds: float
    error: str | None = None
    trace: str | None = None


@dataclass(frozen=True)
class Health:
    """What an environment's Python says of itself. ``folders`` are its package folders."""

    python: str
    prefix: str
    engine: str | None
    versions: Mapping[str, str | None]
    distributions: tuple[str, ...]
    folders: tuple[str, ...]
    imports: tuple[Import, ...]

    @property
    def failed(self) -> Import | None:
        return next((one for one in self.imports if one.error), None)


def probe(environment: Environment, *, log: Path | None = None) -> Health:
    """Import every tool of the release in its Python; :class:`RecipeError` if that cannot start."""
    release = environment.release
    raw = ask(environment, "probe.py", [release.engine, *release.imports], log=log)
    imports = tuple(
        Import(one["module"], one.get("seconds", 0.0), one.get("error"), one.get("trace"))
        for one in raw["imports"]
    )
    return Health(
        python=raw["python"],
        prefix=raw["prefix"],
        engine=raw["engine"],
        versions=raw["versions"],
        distributions=tuple(raw["distributions"]),
        folders=tuple(raw["folders"]),
        imports=imports,
    )


def ask(
    environment: Environment, script: str, words: Sequence[str], *, log: Path | None = None
) -> dict[str, Any]:
    """Run one of this folder's probes in the environment's Python; the JSON that it writes."""
    with tempfile.TemporaryDirectory(prefix="recipe-probe-") as folder:
        result = Path(folder) / "result.json"
        source = (_HERE / script).read_text(encoding="utf-8")
        # -I: nothing of the caller's (PYTHONPATH, the current folder) can hide a missing module.
        argv = [str(environment.python), "-I", "-c", source, str(result), *words]
        output = _run(argv, environment, folder)
        _keep(log, output)
        return _read(result, environment, output)


def _run(argv: list[str], environment: Environment, folder: str) -> str:
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env=environment.environ(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RecipeError(
            f"The Python of {environment.release.name} cannot be run.",
            where=str(environment.python),
            why=str(getattr(error, "strerror", None) or error),
            fix=rebuild(environment),
        ) from error
    return done.stdout


def _keep(log: Path | None, output: str) -> None:
    if log is None:
        return
    with contextlib.suppress(OSError):  # a log that cannot be kept must not hide the health
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(indexes.redact(output))


def _read(result: Path, environment: Environment, output: str) -> dict[str, Any]:
    try:
        raw: dict[str, Any] = json.loads(result.read_bytes())
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"The tools of {environment.release.name} cannot be imported.",
            where=str(environment.python),
            why="its Python ended in the middle: " + (_last_line(output) or "without a word"),
            fix=rebuild(environment),
        ) from error
    return raw


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def require(environment: Environment, health: Health, *, log: Path) -> None:
    """Raise the import error of a tool, in its own words, and the pair of versions behind it.

    For an environment that was just built, and is cleared when this raises.
    """
    broken = health.failed
    if broken is None:
        return
    release = environment.release
    why = f"import {broken.module}: {broken.error}"
    pair = explain(broken, health)
    raise RecipeError(
        f"The tools of {release.name} do not import.",
        where=f"{environment.python} (log: {log})",
        why=f"{why}\n       {pair}" if pair else why,
        fix=again(environment),
    )


def explain(broken: Import, health: Health) -> str | None:
    """The pair of packages that does not fit, with the versions that are installed."""
    text = f"{broken.error}\n{broken.trace}"
    for pattern, names, words in _PAIRS:
        if re.search(pattern, text):
            return f"{words} (here: {_versions(names, health)})"
    missing = re.search(r"No module named '([^']+)'", str(broken.error))
    return f"the package of {missing[1]} is not installed" if missing else None


def _versions(names: str, health: Health) -> str:
    pairs = ((name, health.versions.get(name)) for name in names.split())
    return ", ".join(f"{name} {version or 'is missing'}" for name, version in pairs)


def again(environment: Environment) -> str:
    """What to do when a fresh build does not import: uv installs a damaged cache as it is."""
    if environment.managed:
        words = "empty uv's cache, then install anew: python -m uv cache clean && "
        return f"{words}recipe env install {environment.release.name}"
    return rebuild(environment)


def rebuild(environment: Environment) -> str:
    """The command that makes it whole again."""
    name = environment.release.name
    if environment.managed:
        return f"recipe env remove {name} -y && recipe env install {name}"
    return f"mend that Python, or let recipe build its own: recipe env install {name}"


#: what the error says -> the packages that do not fit each other, and in words
_PAIRS: tuple[tuple[str, str, str], ...] = (
    (
        r"cannot import name 'packaging' from 'pkg_resources'|No module named 'pkg_resources'",
        "setuptools mmengine",
        "setuptools 70 and newer lack what the engine imports: setuptools below 70 fits",
    ),
    (
        r"triton\.ops|compiled without GPU support|cadam32bit_grad_fp32|libbitsandbytes",
        "bitsandbytes triton torch",
        "this bitsandbytes does not fit this triton or torch",
    ),
    (
        r"_ARRAY_API|numpy\.core\.multiarray|numpy\.dtype size changed|compiled using NumPy 1",
        "numpy pyarrow",
        "a package built for NumPy 1 meets NumPy 2: numpy below 2 fits",
    ),
    (
        r"torchvision::nms|torchvision",
        "torch torchvision",
        "this torchvision was built for another torch",
    ),
    (
        r"different CUDA versions|libtorchaudio",
        "torch torchaudio",
        "this torchaudio was built for another torch",
    ),
    (
        r"undefined symbol|GLIBC|libcu\w+\.so|libnv\w+\.so|libcudnn",
        "torch",
        "torch's own libraries do not fit each other or this system",
    ),
    (
        r"StaticCache|DynamicCache|cannot import name '\w+' from 'transformers",
        "transformers peft accelerate",
        "this transformers is not the one that the engine or peft was written for",
    ),
    (
        r"is_bf16_supported",
        "torch",
        "the engine asks a GPU question where there is no GPU",
    ),
)
