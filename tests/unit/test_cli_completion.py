"""What the shell offers for the word that is being typed, and what that may cost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Costly to import: no list, help page or completion of names may need them.
HEAVY = ("orchestrator.engines.registry", "orchestrator.recipe.schema", "pydantic_core", "jinja2")


def complete(cwd: Path, *words: str, report: bool = False) -> list[str]:
    """What bash offers for the last of the words; ``report``: the heavy modules it imported."""
    tell = f"print([m for m in {HEAVY} if m in sys.modules])" if report else "pass"
    code = f"""
import sys
from orchestrator.cli import main
try:
    main()
finally:
    {tell}
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "_RECIPE_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["recipe", *words]),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if line]
    return lines[-1:] if report else [line.partition(",")[2] for line in lines]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("show", "medqa-q"), ["medqa-qlora", "medqa-qlora-0.1.9"]),
        (("new", "x", "--from", "self-cognition-q"), ["self-cognition-qlora"]),
        (
            ("show", "medqa-qlora", "--set", "train.lora.r"),
            ["train.lora.rank=", "train.lora.rslora="],
        ),
        (("sche",), ["schema"]),
        (("--vers",), ["--version"]),
        (("run", "self-cognition-qlora", "-p", ""), ["name=", "maker=", "repeats="]),
        (("plan", "self-cognition-llamafactory", "--rehearse", "--param", "n"), ["name="]),
        (("run", "medqa-qlora", "-p", ""), []),
        (("run", "-p", ""), []),
        (("run", "no-such-recipe", "-p", ""), []),
        (("run", "medqa-qlora", "--engine", "xtuner@0.1"), ["xtuner@0.1.9"]),
        (
            ("render", "medqa-qlora", "--engine", "lla"),
            ["llamafactory@0.9.5", "llamafactory@0.8.3"],
        ),
        (("run", "medqa-qlora", "--from", "c"), ["check", "convert"]),
        (("run", "medqa-lora-llamafactory", "--until", "c"), ["check"]),
        (("plan", "self-cognition-qlora", "--until", "d"), ["data"]),
        (("run", "no-such-recipe", "--from", ""), []),
    ],
)
def test_the_shell_completes(tmp_path: Path, words: tuple[str, ...], offered: list[str]) -> None:
    assert complete(tmp_path, *words) == offered


def test_every_verb_is_offered(tmp_path: Path) -> None:
    assert {"list", "run", "completion"} <= set(complete(tmp_path, ""))


def test_runs_and_their_logs_are_offered(tmp_path: Path) -> None:
    from orchestrator.base.layout import RunPaths
    from orchestrator.running.record import RunRecord, save

    root = tmp_path / "runs" / "mine" / "one"
    (root / "logs").mkdir(parents=True)
    for name in ("train", "check"):
        (root / "logs" / f"{name}.log").touch()
    record = RunRecord("mine", "t", "xtuner@0.2.0", True, [], "2026-01-01T00:00:00+00:00")
    save(record, RunPaths(root))
    assert complete(tmp_path, "status", "mi") == ["mine", "mine/one"]
    assert complete(tmp_path, "logs", "mine/one", "") == ["check", "train"]


@pytest.mark.parametrize(
    "words",
    [
        ("show", "m"),
        ("ru",),
        ("run", "m"),
        ("run", "self-cognition-qlora", "-p", ""),
        ("plan", "m"),
    ],
)
def test_names_are_offered_without_the_engines_and_the_schema(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    assert complete(tmp_path, *words, report=True) == ["[]"]


@pytest.mark.parametrize("words", [["list"], ["--help"], ["list", "--json"]])
def test_list_and_help_need_neither(tmp_path: Path, words: list[str]) -> None:
    code = (
        "import sys\nfrom orchestrator.cli import cli\n"
        f"cli.main({words!r}, standalone_mode=False)\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_title_with_terminal_codes_is_offered_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "zz.yaml").write_text('extends: medqa-qlora\ntitle: "a\\e[31mb"\n')
    monkeypatch.setenv("RECIPE_PATH", str(tmp_path))
    monkeypatch.setenv("_FISH", "1")
    offered = complete(tmp_path, "show", "zz")
    assert offered == ["zz"]
