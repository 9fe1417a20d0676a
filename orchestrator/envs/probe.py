"""Runs inside an engine's own Python: what imports there, and what its devices can do, as JSON.

usage: python -I -c SOURCE RESULT_FILE [--devices] [--other=MODULE] [--path=FOLDER] MODULE...
(standard library only, 3.8 on; of an --other module it is only said whether it is there; modules
are looked for in each --path too)

The result is written before each risky step: what an import or a driver that ends Python left
out is what it failed at.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import site
import sys
import time
import traceback
from importlib import import_module, metadata, util
from pathlib import Path
from typing import Any


def _has(module: str) -> bool:
    """Whether the package holds that module; nothing of it is imported."""
    package, _, rest = module.partition(".")
    spec = util.find_spec(package)
    places = (spec.submodule_search_locations or []) if spec else []
    inner = rest.replace(".", "/")
    return any((Path(place) / end).exists() for place in places for end in (inner, f"{inner}.py"))


def _import(module: str) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        import_module(module)
    except BaseException as error:  # an import may do anything, sys.exit included
        words = f"{type(error).__name__}: {error}"
        return {"module": module, "error": words, "trace": traceback.format_exc()}
    return {"module": module, "seconds": time.perf_counter() - start}


def _torch() -> dict[str, Any]:
    torch = import_module("torch")
    facts: dict[str, Any] = {"version": torch.__version__, "cuda": torch.version.cuda, "gpus": []}
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            gpu = torch.cuda.get_device_properties(number)
            compute = f"{gpu.major}.{gpu.minor}"
            facts["gpus"].append({"name": gpu.name, "bytes": gpu.total_memory, "compute": compute})
        torch.zeros(1, device="cuda").add_(1).item()  # a driver too old fails here, not before
    return facts


def _bitsandbytes() -> dict[str, Any]:
    """Quantise a small matrix to 4 bits where the engine would: really, not by version."""
    torch, bnb = import_module("torch"), import_module("bitsandbytes")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    small = torch.ones(64, 64, device=device, dtype=torch.float32)
    packed, state = bnb.functional.quantize_4bit(small, quant_type="nf4")
    back = bnb.functional.dequantize_4bit(packed, state)
    return {"version": bnb.__version__, "device": device, "off": float((back - small).abs().max())}


def _deepspeed() -> dict[str, Any]:
    deepspeed = import_module("deepspeed")
    home = import_module("torch.utils.cpp_extension").CUDA_HOME
    nvcc = bool(home) and Path(home, "bin", "nvcc").is_file()
    return {"version": deepspeed.__version__, "nvcc": nvcc, "compiler": shutil.which("g++")}


def _device(name: str) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = globals()[f"_{name}"]()
    except ModuleNotFoundError as error:
        return {"missing": error.name}
    except BaseException as error:  # a driver may do anything as well
        return {"error": f"{type(error).__name__}: {error}"}
    return facts


def main(result: Path, modules: list[str], others: list[str], devices: bool) -> None:
    distributions = ((one.metadata["Name"], one.version) for one in metadata.distributions())
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "distributions": sorted({f"{name}=={version}" for name, version in distributions if name}),
        "folders": [folder for folder in site.getsitepackages() if Path(folder).is_dir()],
        "imports": [],
        "others": [name for name in others if _has(name)],
        "devices": {},
    }
    for module in modules:
        sys.stdout.write(f"recipe: importing {module}\n")
        sys.stdout.flush()
        report["imports"].append(_import(module))
        result.write_text(json.dumps(report), encoding="utf-8")
    for name in ("torch", "bitsandbytes", "deepspeed") if devices else ():
        sys.stdout.write(f"recipe: trying {name}\n")
        sys.stdout.flush()
        report["devices"][name] = _device(name)
        result.write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("BITSANDBYTES_NOWELCOME", "1")
    tools = [word for word in sys.argv[2:] if not word.startswith("--")]
    flags = [word[len("--other=") :] for word in sys.argv[2:] if word.startswith("--other=")]
    sys.path += [word[len("--path=") :] for word in sys.argv[2:] if word.startswith("--path=")]
    main(Path(sys.argv[1]), tools, flags, "--devices" in sys.argv)
