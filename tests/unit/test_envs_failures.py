"""uv's failures in the user's words. The texts are uv 0.13's own, as it printed them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.envs import health, uv

NETWORK = """\
Using Python 3.11.7 environment at: n
error: Request failed after 3 retries in 11.3s
  cause: Failed to fetch: http://127.0.0.1:9/simple/six/
  cause: client error (Connect)
  cause: Connection refused (os error 111)"""
MISSING = """\
error: No solution found when resolving dependencies
  cause: Because there is no version of six==99 and you require six==99, we can conclude that \
your requirements are unsatisfiable."""
NO_PYTHON = """\
warning: Failed to inspect Python interpreter from search path at `/x/shims/python3.10`
  cause: Querying Python at `/x/shims/python3.10` failed with exit status exit status: 127
error: No interpreter found for Python 3.8 in managed installations or search path

hint: A managed Python download is available, but Python downloads are set to 'never'"""
NO_DOWNLOAD = """\
error: Request failed after 3 retries in 6.7s
  cause: Failed to download `https://host.test/20241002/cpython-3.8.20-install_only.tar.gz`
  cause: dns error"""
FULL = """\
error: Failed to download `numpy==1.26.4`
  cause: Failed to extract archive: numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl
  cause: failed to write to file `/c/.tmp/x.py`: No space left on device (os error 28)"""
DAMAGED = """\
error: Failed to download `numpy==1.26.4`
  cause: Failed to extract archive: numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl
  cause: unexpected end of file"""
BUILD = """\
  x Failed to build `deepspeed==0.16.2`
  |-> The build backend returned an error
  `-> Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)"""
UNKNOWN = "error: something new"


@pytest.mark.parametrize(
    ("text", "cause", "step"),
    [
        (NETWORK, "the package index cannot be reached", "PIP_INDEX_URL"),
        (MISSING, "the package index lacks a version", "mirrors everything"),
        (NO_PYTHON, "neither here nor could uv bring it", "RECIPE_PYTHON"),
        (NO_DOWNLOAD, "neither here nor could uv bring it", "RECIPE_PYTHON"),
        (FULL, "the disk is full", "RECIPE_CACHE"),
        (DAMAGED, "package is damaged", "uv cache clean"),
        (BUILD, "could not be built", "C compiler"),
        ("error: Permission denied (os error 13)", "cannot be written", "RECIPE_CACHE"),
        (UNKNOWN, "something new", "read the log"),
    ],
    ids=lambda text: text[:24] if "\n" not in text else None,
)
def test_each_kind_has_its_cause_and_its_next_step(text: str, cause: str, step: str) -> None:
    error = uv.failure(text.splitlines(), doing="It failed.", log=Path("/l.log"), code=2)
    assert error.what == "It failed."
    assert error.where == "log: /l.log"
    assert cause in (error.why or "")
    assert step in (error.fix or "")
    assert text.splitlines()[-1].strip() in (error.why or "")


def test_the_reason_starts_at_uvs_error_and_leaves_out_the_noise() -> None:
    lines = uv.meaningful(NO_PYTHON.splitlines())
    assert lines[0].startswith("error: No interpreter found")
    assert not any("shims" in line for line in lines)


def test_a_long_reason_is_cut_in_its_middle() -> None:
    lines = uv.meaningful(["error: first", *(f"cause: {n}" for n in range(30))])
    assert lines == [
        "error: first",
        "cause: 0",
        "cause: 1",
        "…",
        *(f"cause: {n}" for n in range(26, 30)),
    ]


def test_a_uv_without_a_word_still_has_a_reason() -> None:
    error = uv.failure([], doing="It failed.", log=None, code=-9)
    assert "exit code -9" in (error.why or "")


def test_the_full_disk_names_both_places_and_the_room_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "not" / "yet"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    why = uv.failure(FULL.splitlines(), doing="x", log=None, code=2).why or ""
    assert str(tmp_path / "not" / "yet" / "envs") in why
    assert str(tmp_path / "uv") in why
    assert why.count("GB free") == 2


VERSIONS = ("torch==1.0", "bitsandbytes==1.0", "triton==1.0")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("ModuleNotFoundError: No module named 'triton.ops'", "bitsandbytes 1.0"),
        ("ImportError: numpy.core.multiarray failed to import", "numpy below 2 fits"),
        ("RuntimeError: operator torchvision::nms does not exist", "torchvision is missing"),
        ("ImportError: cannot import name 'StaticCache' from 'transformers'", "transformers"),
        ("AttributeError: module 'torch.cpu' has no attribute 'is_bf16_supported'", "no GPU"),
        ("RuntimeError: … compiled with different CUDA versions", "torchaudio"),
        ("ModuleNotFoundError: No module named 'mmengine'", "the package of mmengine is not"),
    ],
)
def test_the_pair_that_does_not_fit_is_named(error: str, words: str) -> None:
    words_of = health.fault(tool(error), report())
    assert words in (words_of or "")


def test_an_unknown_import_error_is_left_in_its_own_words() -> None:
    assert health.fault(tool("ValueError: no"), report()) == "import tool: ValueError: no"


def tool(error: str) -> dict[str, Any]:
    return {"module": "tool", "error": error, "trace": f"Traceback …\n{error}"}


def report() -> health.Health:
    return health.Health("3.11", list(VERSIONS))
