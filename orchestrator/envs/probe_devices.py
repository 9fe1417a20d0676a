"""Runs inside an engine's own Python: what the GPU, bitsandbytes and DeepSpeed can do here.

usage: python -I -c SOURCE RESULT_FILE          (needs torch; everything else is tried)
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def _torch() -> dict[str, Any]:
    torch = import_module("torch")
    found: dict[str, Any] = {"version": torch.__version__, "cuda": torch.version.cuda, "gpus": []}
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            one = torch.cuda.get_device_properties(number)
            compute = f"{one.major}.{one.minor}"
            found["gpus"].append({"name": one.name, "bytes": one.total_memory, "compute": compute})
        torch.zeros(1, device="cuda").add_(1).item()  # a driver too old fails here, not before
    return found


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


def _tried(name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = globals()[f"_{name}"]()
    except ModuleNotFoundError as error:
        return {"missing": error.name}
    except BaseException as error:  # an import may do anything, sys.exit included
        return {"error": f"{type(error).__name__}: {error}"}
    return found


if __name__ == "__main__":
    os.environ.setdefault("BITSANDBYTES_NOWELCOME", "1")
    report = {name: _tried(name) for name in ("torch", "bitsandbytes", "deepspeed")}
    Path(sys.argv[1]).write_text(json.dumps(report), encoding="utf-8")
