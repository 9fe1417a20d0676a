"""commands.sh: it parses, quotes everything, really runs, and says when a stage left nothing."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.plan import Command
from orchestrator.engines.job import Job
from orchestrator.engines.xtuner.checkpoints import NewestCheckpoint
from orchestrator.planning.job import build
from orchestrator.planning.script import commands_script, shell_line
from orchestrator.recipe.load import load
from tests.support.fake_engine import FakeEngine, small_job

words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
names = st.from_regex(r"\A[A-Z_][A-Z0-9_]{0,10}\Z")
HOSTILE = '\'; touch hacked; "$(touch hacked)" `touch hacked` #\n'


def parses(script: str) -> bool:
    return subprocess.run(["bash", "-n"], input=script.encode(), check=False).returncode == 0


@given(st.lists(words, min_size=1, max_size=4), st.dictionaries(names, words, max_size=3))
def test_a_line_gives_the_shell_exactly_those_words(argv: list[str], env: dict[str, str]) -> None:
    line = shell_line(Command(argv=tuple(argv), env=env))
    assert shlex.split(line) == [f"{name}={value}" for name, value in env.items()] + argv


@given(words, words)
def test_bash_passes_words_and_variables_on(
    tmp_path_factory: pytest.TempPathFactory, word: str, value: str
) -> None:
    show = 'printf "%s\\0%s\\0" "$VALUE" "$1" > shown'
    command = Command(argv=("sh", "-c", show, "-", word), env={"VALUE": value})
    folder = tmp_path_factory.mktemp("sh")
    subprocess.run(["bash", "-c", shell_line(command)], cwd=folder, check=True)
    assert (folder / "shown").read_bytes() == f"{value}\0{word}\0".encode()


def test_a_default_gives_way_to_the_users_own(tmp_path: Path) -> None:
    line = shell_line(Command(argv=("sh", "-c", "echo $RANK"), defaults={"RANK": "0"}))
    for given_rank, seen in (({}, "0\n"), ({"RANK": "3"}, "3\n")):
        base = {k: v for k, v in os.environ.items() if k != "RANK"}
        done = subprocess.run(
            ["bash", "-c", line], env={**base, **given_rank}, capture_output=True, text=True
        )
        assert done.stdout == seen


def test_the_newest_checkpoint_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    pointer = "/another machine/work/iter 8.pth"
    (tmp_path / "work" / "last_checkpoint").write_text(pointer, encoding="utf-8")
    line = shell_line(Command(argv=("printf", "%s", NewestCheckpoint())))
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "work/iter 8.pth"


def shipped(name: str, *sets: str, rehearse: bool = False) -> Job:
    loaded = load(name, sets=sets, environ={})
    return build(loaded, rehearse=rehearse, must_find_rows=False)


@pytest.mark.parametrize("name", ["medqa-qlora", "medqa-qlora-0.1.9"])
def test_the_shipped_commands(name: str, golden: Callable[[str, str], None]) -> None:
    script = commands_script(shipped(name))
    assert parses(script)
    golden(f"{name}.commands.sh", script)


@pytest.mark.parametrize(
    ("sets", "wanted"),
    [
        (("train.gpus=4",), ["NPROC_PER_NODE=4 ", "--deepspeed deepspeed_zero2"]),
        (("train.deepspeed=zero3_offload",), ["--deepspeed deepspeed_zero3_offload"]),
        (("export.max_shard_size=500MB",), ["--max-shard-size 500MB"]),
        (("export.safe_serialization=true",), ["--safe-serialization"]),
        (("export.device=cpu",), ["--device cpu"]),
        (("export.fp32=true",), ["adapter --fp32"]),
        (("train.method=full",), ["merged --max-shard-size 2GB"]),
    ],
)
def test_what_a_recipe_adds_to_the_commands(sets: tuple[str, ...], wanted: list[str]) -> None:
    script = commands_script(shipped("medqa-qlora", *sets))
    assert parses(script)
    for text in wanted:
        assert text in script
    launched = "NPROC_PER_NODE" in script
    assert launched != ('RANK="${RANK:-0}"' in script)  # torchrun sets these itself


def test_hostile_text_is_never_a_command(tmp_path: Path) -> None:
    loaded = load("medqa-qlora", sets=[f"title={HOSTILE}", f"model.id=a/{HOSTILE}"], environ={})
    job = build(loaded, must_find_rows=False)
    script = commands_script(replace(job, passthrough={"train": (HOSTILE,)}))
    assert parses(script)
    subprocess.run(["bash"], input=script.encode(), cwd=tmp_path, capture_output=True, check=False)
    assert not list(tmp_path.rglob("hacked"))


@pytest.fixture
def pack(tmp_path: Path) -> tuple[Path, FakeEngine]:
    engine = FakeEngine.make(tmp_path / "engine")
    job = replace(small_job(tmp_path), environment=engine.root / "bin")
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "commands.sh").write_text(commands_script(job), encoding="utf-8")
    return folder, engine


def by_hand(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(folder / "commands.sh")]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)


def test_it_runs_from_any_folder(pack: tuple[Path, FakeEngine]) -> None:
    folder, engine = pack
    done = by_hand(folder)
    assert done.returncode == 0, done.stderr
    assert engine.stages == ["train", "convert", "merge"]
    assert (folder / "merged" / "config.json").is_file()


@pytest.mark.parametrize("stage", ["train", "convert", "merge"])
def test_a_stage_that_leaves_nothing_stops_the_script(
    pack: tuple[Path, FakeEngine], stage: str
) -> None:
    folder, engine = pack
    engine.behave(stage, "exit 0")
    done = by_hand(folder)
    assert done.returncode == 1
    assert f"{stage} failed: it wrote no " in done.stderr
    assert engine.stages[-1] == stage


def test_an_earlier_result_does_not_hide_a_failure(pack: tuple[Path, FakeEngine]) -> None:
    folder, engine = pack
    assert by_hand(folder).returncode == 0
    engine.behave("train", "exit 0")
    done = by_hand(folder)
    assert done.returncode == 1
    assert "train failed" in done.stderr
