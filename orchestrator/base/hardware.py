"""What this machine's GPUs can do, as far as the driver's own tool tells it. No torch is needed."""

from __future__ import annotations

import os
import shutil
import subprocess

#: The compute capability from which an NVIDIA GPU has bf16 (Ampere).
_BF16_FROM = 8.0
_SECONDS = 10


def has_bf16() -> bool | None:
    """Whether every GPU that a training would see has bf16; None when no GPU answers."""
    found = _capabilities()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        chosen = [part.strip() for part in visible.split(",") if part.strip()]
        if all(part.isdigit() for part in chosen):
            found = [found[int(part)] for part in chosen if int(part) < len(found)]
    return min(found) >= _BF16_FROM if found else None


def _capabilities() -> list[float]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    argv = [program, "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [float(line) for line in done.stdout.split() if line.replace(".", "", 1).isdigit()]
