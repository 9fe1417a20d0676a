"""Rules about this machine: GPUs and their driver, the engine's environment, host memory, disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from orchestrator.base.files import free_bytes
from orchestrator.base.hardware import BF16_FROM
from orchestrator.base.language import say
from orchestrator.base.paths import environments_dir, expanded
from orchestrator.envs import inventory
from orchestrator.hub.remote import HUBS
from orchestrator.preflight.advice import smallest_change
from orchestrator.preflight.rule import Found, Level
from orchestrator.preflight.situation import Situation
from orchestrator.recipe.dump import one_line

GIB = 2**30
#: What an engine takes on disk while it is installed.
ENGINE = 10 * 10**9
#: CUDA's major version -> the oldest driver for it (NVIDIA, CUDA Compatibility, table 2).
DRIVERS = {"11": (450, 80, 2), "12": (525, 60, 13), "13": (580, 65, 6)}
#: torch -> the compute capabilities that its wheel on PyPI has kernels for: the lowest, and the
#: highest major (RELEASE.md of PyTorch, "CUDA Support Matrix"; 2.8's wheel is CUDA 12.8, without
#: Maxwell and Pascal: issue 157517). Kernels of a major run on every GPU of that major.
KERNELS = {
    **dict.fromkeys(("2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7"), (5.0, 9)),
    **dict.fromkeys(("2.8", "2.9", "2.10"), (7.0, 12)),
}


def gpu(here: Situation) -> Iterator[Found]:
    """A training needs a GPU; without one the first sign came after the download."""
    if (here.recipe is not None and not here.trains) or here.gpus:
        return
    if here.recipe is not None and not here.recipe.needs.gpus:
        return  # its engine trains on the CPU
    level: Level = "error" if here.trains else "warning"
    rehearse = say(
        "rehearse it on the CPU with --rehearse, or run it where a GPU is",
        "用 --rehearse 在 CPU 上预演，或在有 GPU 的机器上运行",
    )
    if here.gpus is None:
        cause = say(
            "no GPU: this machine has no nvidia-smi, or it does not answer",
            "没有 GPU：本机没有 nvidia-smi，或它没有响应",
        )
    elif "CUDA_VISIBLE_DEVICES" in here.environ:
        hidden = here.environ["CUDA_VISIBLE_DEVICES"]
        cause = say(
            f"no GPU can be seen: CUDA_VISIBLE_DEVICES is {hidden!r}",
            f"看不到 GPU：CUDA_VISIBLE_DEVICES 为 {hidden!r}",
        )
        rehearse = (
            say("unset CUDA_VISIBLE_DEVICES, or ", "取消 CUDA_VISIBLE_DEVICES，或") + rehearse
        )
    else:
        cause = say("no GPU: nvidia-smi shows none", "没有 GPU：nvidia-smi 没有列出任何 GPU")
    yield Found(level, cause, rehearse)


def gpu_count(here: Situation) -> Iterator[Found]:
    """A training with more processes than GPUs stops at once."""
    asked = here.recipe.train.gpus if here.recipe and here.trains else None
    if asked and here.gpus and asked > len(here.gpus):
        cause = say(
            f"train.gpus is {asked}, and {len(here.gpus)} can be seen",
            f"train.gpus 为 {asked}，但只看到 {len(here.gpus)} 块",
        )
        yield Found("error", cause, f"--set train.gpus={len(here.gpus)}")


def driver(here: Situation) -> Iterator[Found]:
    """A driver older than torch's CUDA cannot run it."""
    cuda = next(
        (version for name, version in here.pins.items() if name.startswith("nvidia-cuda-runtime")),
        None,
    )
    least = DRIVERS.get((cuda or "").partition(".")[0])
    for one in (here.gpus or [])[:1]:
        has = tuple(int(part) for part in re.findall(r"\d+", one.driver)[:3])
        if least and has and has < least:
            wanted = ".".join(map(str, least))
            cause = say(
                f"the driver is {one.driver}, and CUDA {cuda} needs {wanted} or newer",
                f"驱动是 {one.driver}，而 CUDA {cuda} 需要 {wanted} 或更新",
            )
            fix = say(
                "update the driver, or choose another torch build: --torch-backend cu118",
                "更新驱动，或选择另一个 torch 构建：--torch-backend cu118",
            )
            yield Found("error", cause, fix)


def compute(here: Situation) -> Iterator[Found]:
    """A GPU that torch's build has no kernels for: "no kernel image is available"."""
    torch = here.pins.get("torch", "")
    span = KERNELS.get(".".join(torch.split(".")[:2]))
    if span is None or not (here.trains or here.recipe is None):
        return
    for one in here.gpus or []:
        if one.compute and not span[0] <= one.compute < span[1] + 1:
            cause = say(
                f"{one.name} has compute capability {one.compute:g}; torch {torch} is built for "
                f"{span[0]:g} to {span[1]:g}",
                f"{one.name} 的计算能力是 {one.compute:g}；torch {torch} 支持 "
                f"{span[0]:g} 到 {span[1]:g}",
            )
            fix = say(
                "choose another engine release (recipe env list), or another GPU",
                "换一个引擎版本（recipe env list），或换一块 GPU",
            )
            yield Found("error", cause, fix)


def bf16(here: Situation) -> Iterator[Found]:
    """bf16 came with Ampere (compute capability 8.0)."""
    if here.recipe is None or not here.trains or here.recipe.train.precision != "bf16":
        return
    for one in here.gpus or []:
        if one.compute and one.compute < BF16_FROM:
            cause = say(
                f"{one.name} has no bf16 (compute capability {one.compute:g}, below 8.0)",
                f"{one.name} 不支持 bf16（计算能力 {one.compute:g}，低于 8.0）",
            )
            yield Found("error", cause, "--set train.precision=fp16")


def gpu_memory(here: Situation) -> Iterator[Found]:
    """The estimate against the smallest GPU, and against what is free on it."""
    found, card = here.fit, here.card
    if not here.trains or found is None or card is None or found.gpu is None:
        return
    needs = f"{found.gpu / GIB:.1f}"
    if found.gpu > card.bytes:
        change = found.shape and smallest_change(found.recipe, found.shape, card, found.gpus)
        sets = " ".join(f"--set {key}={one_line(value)}" for key, value in (change or {}).items())
        # Beyond what an estimate may be off it cannot fit; below it may.
        level: Level = "error" if found.gpu > 1.2 * card.bytes else "warning"
        cause = say(
            f"it takes about {needs} GiB, and {card.name} has {card.bytes / GIB:.1f}",
            f"约需 {needs} GiB，而 {card.name} 只有 {card.bytes / GIB:.1f}",
        )
        none = say("rent a larger one: recipe fit NAME", "换一块更大的：recipe fit 名称")
        yield Found(level, cause, sets or none)
        return
    free = min(one.free for one in here.gpus or [] if one.total)
    if found.gpu > free:
        cause = say(
            f"it takes about {needs} GiB, and {free / GIB:.1f} are free: other programs hold the "
            "rest",
            f"约需 {needs} GiB，只有 {free / GIB:.1f} 空闲：其余被别的程序占用",
        )
        fix = say("end them (nvidia-smi lists them), or ", "结束它们（nvidia-smi 会列出），或")
        yield Found("warning", cause, fix + "CUDA_VISIBLE_DEVICES=N")


def host_memory(here: Situation) -> Iterator[Found]:
    """Converting and merging die without a word where the host has too little."""
    found, memory = here.fit, here.host_memory
    if not here.trains or found is None or memory is None:
        return
    known = [(one.need.host.total or 0, one.stage) for one in found.stages]
    most, stage = max(known, default=(0, ""))
    total, available = memory
    if most > available:
        level: Level = "error" if most > total else "warning"
        cause = say(
            f"{stage} takes about {most / GIB:.1f} GiB of host memory; {total / GIB:.1f} are here, "
            f"{available / GIB:.1f} of them free",
            f"{stage} 约需 {most / GIB:.1f} GiB 主机内存；本机共 {total / GIB:.1f}，"
            f"空闲 {available / GIB:.1f}",
        )
        fix = say(
            "use a machine with more, or end other programs; recipe fit says what each stage takes",
            "换内存更大的机器，或结束其他程序；recipe fit 会列出各阶段的占用",
        )
        yield Found(level, cause, fix)


def disk(here: Situation) -> Iterator[Found]:
    """Download, engine, checkpoints and merge, each against the disk that it goes to."""
    rooms: dict[int, tuple[Path, int, list[str]]] = {}
    for what, folder, size in _takes(here):
        there = next(one for one in (folder, *folder.absolute().parents) if one.is_dir())
        device = there.stat().st_dev
        place, sum_, names = rooms.get(device, (folder, 0, []))
        rooms[device] = (place, sum_ + size, [*names, f"{what} {size / 1e9:.0f} GB"])
    for place, size, names in rooms.values():
        free = free_bytes(place)
        if size > free:
            cause = say(
                f"{', '.join(names)} are to come, and {free / 1e9:.0f} GB are free at {place}",
                f"还需要 {', '.join(names)}，而 {place} 只剩 {free / 1e9:.0f} GB",
            )
            fix = say(
                "free some space, or move them: RECIPE_CACHE, RECIPE_RUNS, MODELSCOPE_CACHE, "
                "HF_HOME",
                "腾出空间，或改变位置：RECIPE_CACHE、RECIPE_RUNS、MODELSCOPE_CACHE、HF_HOME",
            )
            yield Found("error", cause, fix)


def _takes(here: Situation) -> Iterator[tuple[str, Path, int]]:
    """What takes room: its name, its folder, bytes."""
    if here.release is not None and here.environment is None and here.python is None:
        yield say("the engine", "引擎"), environments_dir(), ENGINE
    shape = here.fit.shape if here.fit and here.trains else None
    if shape is None or here.recipe is None:
        return
    weights = 2 * shape.weights
    if not here.has_model and "model" in (here.wanted or ("model",)):
        yield say("the model", "模型"), _cache(here), weights
    train = here.recipe.train
    whole = train.method in ("full", "freeze")
    kept = max(1, train.save_total_limit or 2)
    # To be gone on from, a checkpoint holds what the GPUs hold of each trained weight.
    states = sum(one.need.gpu.parts.get("states", 0) for one in here.fit.stages) if here.fit else 0
    yield say("checkpoints", "检查点"), here.runs, min(kept, 3) * states * here.count
    if here.recipe.export.merge or whole:
        yield say("the merged model", "合并后的模型"), here.runs, weights


def _cache(here: Situation) -> Path:
    hub = here.recipe.model.hub if here.recipe else "local"
    if hub == "local":
        return here.runs
    own = {"modelscope": "~/.cache/modelscope", "huggingface": "~/.cache/huggingface"}[hub]
    return expanded(os.environ.get(HUBS[hub].cache) or own)


def environment(here: Situation) -> Iterator[Found]:
    """Whether the engine's environment is whole, by its state file; `recipe doctor` imports it."""
    if here.release is None or here.environment is not None:
        return
    name = here.release.name
    folders = [one for one in inventory.installed([here.release]) if one.name == name]
    broken = [one for one in folders if one.status == inventory.BROKEN]
    install = f"recipe env install {name}"
    if broken and len(broken) == len(folders):
        cause = say(
            f"the environment of {name} is broken: {broken[0].root}",
            f"{name} 的环境已损坏：{broken[0].root}",
        )
        yield Found("error", cause, f"recipe env remove {name} -y && {install}")
        return
    cause = say(
        f"{name} is not installed yet: the first run builds it, which downloads some gigabytes",
        f"{name} 尚未安装：首次运行会构建它，需要下载数 GB",
    )
    yield Found("note", cause, install)
