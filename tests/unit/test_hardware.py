"""What the GPUs of this machine can do, as a driver's tool tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.base.hardware import has_bf16


def driver(folder: Path, monkeypatch: pytest.MonkeyPatch, said: str, code: int = 0) -> None:
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nprintf '{said}'\nexit {code}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("said", "visible", "wanted"),
    [
        (r"8.0\n", None, True),
        (r"9.0\n7.5\n", None, False),
        (r"9.0\n7.5\n", "0", True),
        (r"9.0\n7.5\n", "1", False),
        (r"7.0\n", "", None),
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
