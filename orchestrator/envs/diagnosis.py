"""What is wrong with an engine release on this machine, and how to mend it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base import paths
from orchestrator.base.errors import RecipeError
from orchestrator.envs import health, inventory, uv

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.envs.environment import Environment
    from orchestrator.envs.release import Release

OK = "ok"
NOTE = "note"
BROKEN = "broken"
#: Bytes that building one more engine, or unpacking one's downloads, may take.
_ROOM = 10e9


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``level``: ok, note (works, but know this), broken."""

    level: str
    what: str
    fix: str | None = None


def doctor(release: Release, *, python: Path | None = None) -> list[Finding]:
    """Every finding about ``release``; it starts its Python twice and takes seconds."""
    environment = inventory.find(release, python=python)
    if environment is None:
        return [*_absent(release), *_leftovers(release), *_disk()]
    how = "recipe's own" if environment.managed else "a Python of yours"
    found = [Finding(OK, f"{release.name}: {environment.root} ({how})")]
    try:
        found += _tools(environment, health.probe(environment))
        found += _devices(health.ask(environment, "probe_devices.py", []))
    except RecipeError as error:
        found.append(Finding(BROKEN, f"{error.what} {error.why or ''}".strip(), error.fix))
    return [*found, *_leftovers(release), *_disk()]


def _absent(release: Release) -> Iterator[Finding]:
    own = inventory.named(release)
    fix = f"recipe env install {release.name}"
    if own is not None:
        where = f"{own}, named in {inventory.setting(release)},"
        yield Finding(BROKEN, f"{where} was never checked or has changed since", fix)
    else:
        yield Finding(BROKEN, f"{release.name} is not installed", fix)


def _tools(environment: Environment, found: health.Health) -> Iterator[Finding]:
    release = environment.release
    for one in found.imports:
        if one.error is None:
            yield Finding(OK, f"import {one.module} ({one.seconds:.1f} s)")
            continue
        pair = health.explain(one, found)
        words = f"import {one.module}: {one.error}" + (f"; {pair}" if pair else "")
        yield Finding(BROKEN, words, health.rebuild(environment))
    for program in (release.command, "python"):
        try:
            environment.which(program)
        except RecipeError as error:
            yield Finding(BROKEN, f"{error.what} {error.where}", health.rebuild(environment))


def _devices(report: dict[str, Any]) -> Iterator[Finding]:
    yield from _torch(report["torch"])
    yield _bitsandbytes(report["bitsandbytes"], report["torch"])
    yield _deepspeed(report["deepspeed"], report["torch"])


def _torch(found: dict[str, Any]) -> Iterator[Finding]:
    if "version" not in found:
        yield Finding(BROKEN, f"torch: {_said(found)}", "check the GPU's driver with nvidia-smi")
        return
    build = f"torch {found['version']}, built for CUDA {found['cuda'] or '(none)'}"
    for gpu in found["gpus"]:
        size = gpu["bytes"] / 2**30
        yield Finding(OK, f"{build}: {gpu['name']}, {size:.0f} GiB, compute {gpu['compute']}")
    if not found["gpus"]:
        yield _no_gpu(build, bool(found["cuda"]))


def _no_gpu(build: str, cuda: bool) -> Finding:
    if not cuda:
        return Finding(NOTE, f"{build}: it runs on the CPU only, so rehearsals only")
    if shutil.which("nvidia-smi"):
        fix = "compare the driver's CUDA version (nvidia-smi) with torch's; update the driver or "
        fix += "install with --torch-backend auto"
        return Finding(BROKEN, f"{build}: it sees no GPU, though nvidia-smi is here", fix)
    return Finding(NOTE, f"{build}: no GPU here, so rehearsals only")


def _bitsandbytes(found: dict[str, Any], torch: dict[str, Any]) -> Finding:
    if "off" in found and found["off"] < 0.1:
        return Finding(OK, f"bitsandbytes {found['version']}: 4 bits work ({found['device']})")
    words = f"bitsandbytes cannot quantise to 4 bits here: {_said(found)}"
    if torch.get("gpus"):
        fix = "QLoRA will fail: install the release again, or use method: lora"
        return Finding(BROKEN, words, fix)
    return Finding(NOTE, f"{words} (no GPU; a rehearsal of a QLoRA recipe does without it)")


def _deepspeed(found: dict[str, Any], torch: dict[str, Any]) -> Finding:
    if "version" not in found:
        words = f"DeepSpeed cannot be used: {_said(found)}"
        fix = "install the release again, or set train.deepspeed to null"
        return Finding(BROKEN if torch.get("gpus") else NOTE, words, fix)
    name = f"DeepSpeed {found['version']}"
    lacks = [
        what for what, there in (("nvcc", found["nvcc"]), ("g++", found["compiler"])) if not there
    ]
    if not lacks:
        return Finding(OK, f"{name}: imports, and can compile its kernels")
    words = (
        f"{name}: imports; no {' and no '.join(lacks)}, so ZeRO offload cannot compile its kernels"
    )
    return Finding(NOTE, words, "needed for offload only: install the CUDA toolkit and g++")


def _said(found: dict[str, Any]) -> str:
    if "missing" in found:
        return f"no module {found['missing']}"
    return str(found.get("error") or f"wrong values come back ({found})")


def _leftovers(release: Release) -> Iterator[Finding]:
    for one in inventory.installed([release]):
        if one.name == release.name and one.status != inventory.READY:
            fix = f"recipe env remove {release.name} --leftovers"
            yield Finding(NOTE, f"{one.status}: {one.root}", fix)


def _disk() -> Iterator[Finding]:
    for label, folder in (
        ("environments", paths.environments_dir()),
        ("uv's cache", uv.uv_cache()),
    ):
        free = shutil.disk_usage(uv.existing(folder)).free
        words = f"{free / 1e9:.0f} GB free for {label} ({folder})"
        tight = Finding(NOTE, words, "an engine takes 6 to 8 GB; RECIPE_CACHE moves it elsewhere")
        yield Finding(OK, words) if free > _ROOM else tight
