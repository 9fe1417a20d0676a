"""What the GPUs of this machine can do, as a driver's tool tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.base.hardware import gpus, has_bf16, host_memory


def driver(folder: Path, monkeypatch: pytest.MonkeyPatch, said: str, code: int = 0) -> None:
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nprintf '{said}'\nexit {code}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def card(index: int, compute: str) -> str:
    """One line of the driver's table."""
    name = "NVIDIA GeForce RTX 3090"
    return rf"{index}, GPU-{index}aa, {name}, 24576, 576, {compute}, 550.54.15\n"


@pytest.mark.parametrize(
    ("said", "visible", "wanted"),
    [
        (card(0, "8.0"), None, True),
        (card(0, "9.0") + card(1, "7.5"), None, False),
        (card(0, "9.0") + card(1, "7.5"), "0", True),
        (card(0, "9.0") + card(1, "7.5"), "1", False),
        (card(0, "9.0") + card(1, "7.5"), "GPU-1", False),
        (card(0, "7.0"), "", None),
        (card(0, "[N/A]"), None, None),
        (r"No devices were found\n", None, None),
        ("", None, None),
    ],
)
def test_bf16_comes_with_ampere(
    said: str,
    visible: str | None,
    wanted: bool | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver(tmp_path, monkeypatch, said)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert has_bf16() is wanted


def test_without_the_tool_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert has_bf16() is None
    assert gpus() is None


def test_a_gpu_has_its_memory_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, monkeypatch, card(0, "8.6"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (found,) = gpus() or []
    assert (found.name, found.total, found.free) == (
        "NVIDIA GeForce RTX 3090",
        24 * 2**30,
        24000 * 2**20,
    )


def test_host_memory_is_at_most_the_machines() -> None:
    total, free = host_memory() or (0, 0)
    assert 0 < free <= total
