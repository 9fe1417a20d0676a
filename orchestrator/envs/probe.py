"""Runs inside an engine's own Python: imports its tools, and writes what came of it as JSON.

usage: python -I -c SOURCE RESULT_FILE DISTRIBUTION MODULE...    (standard library only, 3.8 on)
"""

from __future__ import annotations

import json
import platform
import site
import sys
import time
import traceback
from importlib import import_module, metadata
from pathlib import Path

#: Packages whose versions explain most failures to import.
_PAIRS = (
    *("torch", "torchvision", "torchaudio", "triton", "numpy", "pyarrow", "transformers", "peft"),
    *("accelerate", "datasets", "bitsandbytes", "deepspeed", "setuptools", "mmengine", "trl"),
)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _tried(module: str) -> dict[str, object]:
    start = time.perf_counter()
    try:
        import_module(module)
    except BaseException as error:  # an import may do anything, sys.exit included
        return {
            "module": module,
            "error": f"{type(error).__name__}: {error}",
            "trace": traceback.format_exc(),
        }
    return {"module": module, "seconds": time.perf_counter() - start}


def _distributions() -> list[str]:
    found = ((one.metadata["Name"], one.version) for one in metadata.distributions())
    return sorted({f"{name}=={version}" for name, version in found if name})


def main(result: str, distribution: str, modules: list[str]) -> None:
    report = {
        "python": platform.python_version(),
        "prefix": sys.prefix,
        "engine": _version(distribution),
        "versions": {name: _version(name) for name in _PAIRS},
        "distributions": _distributions(),
        "folders": [folder for folder in site.getsitepackages() if Path(folder).is_dir()],
        "imports": [_tried(module) for module in modules],
    }
    Path(result).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
