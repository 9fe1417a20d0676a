"""What this machine has: its GPUs as the driver tells them, its memory, what its kernel counted.

No torch is needed; without ``nvidia-smi`` there is no GPU to speak of.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.process import capture

#: The compute capability from which an NVIDIA GPU has bf16 (Ampere).
BF16_FROM = 8.0
MIB = 2**20
_SECONDS = 10
_FIELDS = ("index", "uuid", "name", "memory.total", "memory.used", "compute_cap", "driver_version")


@dataclass(frozen=True)
class Gpu:
    """One GPU. Memory in bytes; ``compute`` is 0.0 where the driver does not say it."""

    index: int
    uuid: str
    name: str
    total: int
    used: int
    compute: float
    driver: str

    @property
    def free(self) -> int:
        return self.total - self.used


def gpus() -> list[Gpu] | None:
    """The GPUs that a training would see; [] when there is none, None when no driver answers."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    argv = [program, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        done = capture(argv, timeout=_SECONDS)
    except OSError:
        return None
    if done.timed_out:
        return None
    return visible([gpu for line in done.output.splitlines() if (gpu := _gpu(line)) is not None])


def _gpu(line: str) -> Gpu | None:
    """One line of the driver's table; None for a message."""
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != len(_FIELDS) or not cells[0].isdigit():
        return None
    index, uuid, name, total, used, compute, driver = cells
    has, takes = (int(cell) * MIB if cell.isdigit() else 0 for cell in (total, used))
    known = compute.replace(".", "", 1).isdigit()
    return Gpu(int(index), uuid, name, has, takes, float(compute) if known else 0.0, driver)


def visible(found: list[Gpu]) -> list[Gpu]:
    """Those that CUDA_VISIBLE_DEVICES leaves: numbers or UUIDs, up to the first unknown one."""
    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    if said is None:
        return found
    chosen: list[Gpu] = []
    for word in filter(None, (part.strip() for part in said.split(","))):
        match = [gpu for gpu in found if str(gpu.index) == word or gpu.uuid.startswith(word)]
        if not match or word == "-1":
            break
        chosen += match[:1]
    return chosen


def has_bf16() -> bool | None:
    """Whether every GPU that a training would see has bf16; None when no GPU answers."""
    known = [gpu.compute for gpu in gpus() or [] if gpu.compute]
    return min(known) >= BF16_FROM if known else None


def host_memory() -> tuple[int, int] | None:
    """Bytes of memory (all, available now) that processes here may use; None where unknown.

    A container's own limit counts where it is lower than the machine's (cgroup v2, then v1).
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.split()[1:]}
    total, free = sizes.get("MemTotal", 0), sizes.get("MemAvailable", 0)
    for limit, used in _limits():
        total, free = min(total, limit), min(free, max(0, limit - used))
    return (total, free) if total else None


def _limits() -> list[tuple[int, int]]:
    """(limit, used) of this process's container in bytes, where there is one."""
    root = Path("/sys/fs/cgroup")
    names = (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    )
    found = []
    for limit, used in names:
        try:
            found.append((int((root / limit).read_text()), int((root / used).read_text())))
        except (OSError, ValueError):  # no such file, or the word "max"
            continue
    return found


def out_of_memory_kills() -> int | None:
    """How many processes the kernel has killed for lack of memory; None where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else None
