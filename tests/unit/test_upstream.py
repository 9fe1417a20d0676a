"""What engines share that run an upstream script: flags, the rendered script read back, options."""

from __future__ import annotations

import importlib.util
import json
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engines.checkpoints import newest_checkpoint
from orchestrator.engines.upstream import flags, known
from tests.support.engine_runs import REPOSITORY

PROBES = REPOSITORY / "orchestrator" / "engines" / "upstream" / "probes"


def probe(name: str) -> ModuleType:
    """A probe as a module: importing it needs nothing of an engine."""
    spec = importlib.util.spec_from_file_location(name, PROBES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_without_loss(value: float) -> None:
    assert float(flags.number(value)) == value


@pytest.mark.parametrize(
    ("value", "text"), [(0.02, "2e-2"), (1e-4, "1e-4"), (5e-5, "5e-5"), (0.1, "0.1"), (3.0, "3")]
)
def test_numbers_look_as_in_the_tutorials(value: float, text: str) -> None:
    assert flags.number(value) == text


@given(st.dictionaries(st.from_regex(r"\A[a-z_]{1,9}\Z"), st.text(st.characters(codec="utf-8"))))
def test_the_shell_gets_exactly_these_words(asked: dict[str, str]) -> None:
    wanted = [word for name, value in asked.items() for word in (f"--{name}", value)]
    assert [word for line in flags.lines(asked) for word in shlex.split(line)] == wanted


def test_a_switch_has_no_value_and_none_is_left_out() -> None:
    asked = {"fp16": flags.SWITCH, "seed": None, "fix_vit": True, "lora_target_modules": ["a", "b"]}
    assert flags.lines(asked) == ["--fp16", "--fix_vit True", "--lora_target_modules a b"]


SCRIPT = """\
set -euo pipefail
mkdir -p work
torchrun --nproc_per_node=1 "$DEMO/fine tune.py" \\
    --train_file 'data/a b.jsonl' \\
    --fp16 "$@"
"""


def test_the_rendered_script_is_read_as_bash_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEMO", "/some where")
    Path("train.sh").write_text(SCRIPT)
    script, words = probe("script_flags").rendered("train.sh")
    assert script == Path("/some where/fine tune.py")
    assert words == ["--train_file", "data/a b.jsonl", "--fp16"]
    assert not Path("work").exists()


def test_a_script_that_starts_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.sh").write_text("set -u\ntorchrun $NOT_SET\n")
    with pytest.raises(ValueError, match="NOT_SET: unbound variable"):
        probe("script_flags").rendered("train.sh")


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    file = tmp_path / "flags.json"
    file.write_text(json.dumps({"seed": "number", "fp16": "flag", "optim": ["sgd", "adamw"]}))
    return file


@pytest.mark.parametrize(
    ("options", "what", "meant"),
    [
        ({"sede": 1}, "no such flag", "seed"),
        ({"seed": "1e-4"}, "must be a number", ""),
        ({"seed": True}, "must be a number", ""),
        ({"fp16": "yes"}, "true or false", ""),
        ({"optim": "adam"}, "cannot be", "adamw"),
        ({"output_dir": "x"}, "not an option's to set", ""),
    ],
)
def test_an_option_that_the_script_refuses_is_refused_before(
    listed: Path, options: dict[str, object], what: str, meant: str
) -> None:
    flags_of = known.known_flags(listed)
    [found] = known.objections(
        options, flags_of, {"output_dir": ("a run has its own", "每次运行有自己的")}
    )
    assert found.key == f"engine_options.{next(iter(options))}"
    assert what in found.what
    assert found.meant == meant


def test_options_that_fit_are_not_objected_to(listed: Path) -> None:
    options = {"seed": 7, "fp16": True, "optim": "sgd"}
    assert not list(known.objections(options, known.known_flags(listed), {}))


def _checkpoint(folder: Path, *names: str, state: str = '{"global_step": 2}') -> None:
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text(state)
    for name in names:
        (folder / name).write_text("x")


def test_a_checkpoint_that_was_cut_off_is_not_gone_on_from(tmp_path: Path) -> None:
    whole = ("optimizer.pt", "scheduler.pt", "pytorch_model.bin")
    _checkpoint(tmp_path / "checkpoint-9", *whole)
    _checkpoint(tmp_path / "checkpoint-10", *whole[:2])
    _checkpoint(tmp_path / "checkpoint-11", *whole, state="{")
    (tmp_path / "tmp-checkpoint-12").mkdir()
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-9"
    assert newest_checkpoint(tmp_path / "nowhere") is None


def test_the_probes_import_without_the_engine() -> None:
    assert "transformers" not in sys.modules
    probe("script_flags")
    assert "transformers" not in sys.modules
