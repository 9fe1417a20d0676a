"""What is wrong with an engine release on this machine, and the next step for each fault."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.envs import health, inventory, sources, uv
from orchestrator.envs.release import setting
from orchestrator.envs.worklog import WorkLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.envs.environment import Environment
    from orchestrator.envs.release import Release
    from orchestrator.envs.worklog import Progress

OK, NOTE, BROKEN = "ok", "note", "broken"
#: Bytes that building one more engine, or unpacking one's downloads, may take.
_ROOM = 10e9


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``level``: ok, note (works, but know this), broken."""

    level: str
    what: str
    fix: str | None = None


def doctor(
    release: Release, *, python: Path | None = None, progress: Progress | None = None
) -> list[Finding]:
    """Every finding about ``release``; it starts its Python and may take a minute.

    ``progress`` is called with what it is doing, one line of text at a time.
    """
    tell = progress or (lambda line: None)
    environment = inventory.find(release, python=python)
    if environment is None:
        return [_absent(release), *_leftovers(release), *_disk()]
    how = "recipe's own" if environment.managed else "a Python of yours"
    findings = [Finding(OK, f"{release.name}: {environment.root} ({how})")]
    tell(
        say(
            f"checking {release.name}: its tools are imported, which takes up to a minute",
            f"正在检查 {release.name}：导入其工具，最多需要一分钟",
        )
    )
    try:
        report = health.probe(environment, WorkLog(None, tell), devices=True)
        findings += _tools(environment, report)
    except RecipeError as error:
        findings.append(Finding(BROKEN, f"{error.what} {error.why or ''}".strip(), error.fix))
    return [*findings, *_checkouts(environment), *_leftovers(release), *_disk()]


def _absent(release: Release) -> Finding:
    fix = f"recipe env install {release.name}"
    own = inventory.named(release)
    if own is None:
        return Finding(BROKEN, f"{release.name} is not installed", fix)
    where = f"{own}, named in {setting('PYTHON', release)},"
    return Finding(BROKEN, f"{where} was never checked or has changed since", fix)


def _tools(environment: Environment, report: health.Health) -> Iterator[Finding]:
    if other := health.another(environment, report):
        yield Finding(BROKEN, other, environment.rebuild)
    for tool in report.imports:
        fault = health.fault(tool, report)
        if fault is None:
            yield Finding(OK, f"import {tool['module']} ({tool['seconds']:.1f} s)")
        else:
            yield Finding(BROKEN, fault, environment.rebuild)
    for program in (environment.release.command, "python"):
        try:
            environment.which(program)
        except RecipeError as error:
            yield Finding(BROKEN, f"{error.what} {error.where}", environment.rebuild)
    gpu = bool(report.devices.get("torch", {}).get("gpus"))
    for name, device in report.devices.items():
        yield from _DEVICES[name](device, gpu)
    if report.ended is not None:
        words = f"its Python ended in the middle: {report.ended}"
        yield Finding(BROKEN, words, environment.rebuild)


def _checkouts(environment: Environment) -> Iterator[Finding]:
    for checkout in environment.release.checkouts:
        fault = sources.fault_of(environment.checkout(checkout.name), checkout)
        if fault is None:
            yield Finding(OK, f"{checkout.name} at {checkout.commit[:7]}, unchanged")
        else:
            yield Finding(BROKEN, fault, environment.rebuild)


def _torch(device: dict[str, Any], gpu: bool) -> Iterator[Finding]:
    if "version" not in device:
        yield Finding(BROKEN, f"torch: {_why(device)}", "check the GPU's driver with nvidia-smi")
        return
    build = f"torch {device['version']}, built for CUDA {device['cuda'] or '(none)'}"
    for card in device["gpus"]:
        size = card["bytes"] / 2**30
        yield Finding(OK, f"{build}: {card['name']}, {size:.0f} GiB, compute {card['compute']}")
    if gpu:
        return
    if device["cuda"] and shutil.which("nvidia-smi"):
        fix = "compare the driver's CUDA version (nvidia-smi) with torch's; update the driver or "
        fix += "install with --torch-backend auto"
        yield Finding(BROKEN, f"{build}: it sees no GPU, though nvidia-smi is here", fix)
    else:
        why = "no GPU here" if device["cuda"] else "it runs on the CPU only"
        yield Finding(NOTE, f"{build}: {why}, so rehearsals only")


def _bitsandbytes(device: dict[str, Any], gpu: bool) -> Iterator[Finding]:
    words = f"bitsandbytes cannot quantise to 4 bits here: {_why(device)}"
    if device.get("off", 1.0) < 0.1:
        yield Finding(OK, f"bitsandbytes {device['version']}: 4 bits work ({device['device']})")
    elif gpu:
        fix = "QLoRA will fail: install the release again, or use method: lora"
        yield Finding(BROKEN, words, fix)
    else:
        yield Finding(NOTE, f"{words} (no GPU; a rehearsal of a QLoRA recipe does without it)")


def _deepspeed(device: dict[str, Any], gpu: bool) -> Iterator[Finding]:
    if "version" not in device:
        fix = "install the release again, or set train.deepspeed to null"
        yield Finding(BROKEN if gpu else NOTE, f"DeepSpeed cannot be used: {_why(device)}", fix)
        return
    name = f"DeepSpeed {device['version']}: imports"
    lacks = [word for word, key in (("nvcc", "nvcc"), ("g++", "compiler")) if not device[key]]
    if lacks:
        words = f"{name}; no {' and no '.join(lacks)}, so ZeRO offload cannot compile its kernels"
        yield Finding(NOTE, words, "needed for offload only: install the CUDA toolkit and g++")
    else:
        yield Finding(OK, f"{name}, and can compile its kernels")


_DEVICES = {"torch": _torch, "bitsandbytes": _bitsandbytes, "deepspeed": _deepspeed}


def _why(device: dict[str, Any]) -> str:
    if "missing" in device:
        return f"no module {device['missing']}"
    return str(device.get("error") or f"wrong values come back ({device})")


def _leftovers(release: Release) -> Iterator[Finding]:
    for folder in inventory.installed([release]):
        if folder.name == release.name and folder.status == inventory.BUILDING:
            yield Finding(NOTE, f"being built by {folder.owner}: {folder.root}")
        elif folder.name == release.name and folder.status != inventory.READY:
            fix = f"recipe env remove {release.name} --leftovers"
            yield Finding(NOTE, f"{folder.status}: {folder.root}", fix)


def _disk() -> Iterator[Finding]:
    for label, folder, free in uv.disks():
        words = f"{free / 1e9:.0f} GB free for {label} ({folder})"
        fix = "an engine takes 6 to 8 GB; RECIPE_CACHE moves it elsewhere"
        yield Finding(OK, words) if free > _ROOM else Finding(NOTE, words, fix)
