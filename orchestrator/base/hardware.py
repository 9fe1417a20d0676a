"""What this machine's GPUs can do and what its kernel counted. No torch is needed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from orchestrator.base.process import capture

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
        done = capture(argv, timeout=_SECONDS)
    except OSError:
        return []
    if done.timed_out:
        return []
    return [float(line) for line in done.output.split() if line.replace(".", "", 1).isdigit()]


def out_of_memory_kills() -> int | None:
    """How many processes the kernel has killed for lack of memory; None where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else None
