"""The XComposer2 engine from rows to a merged model, with a repository that keeps the contract.

The real scripts are run in tests/engine/test_xcomposer2_real.py.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base.errors import RecipeError
from orchestrator.engines.xcomposer2.settings import VISION
from orchestrator.running import record as records
from tests.support.pictures import jpeg, png
from tests.support.xcomposer2_bench import Bench, row

ALL = ["data", "model", "render", "check", "train", "merge"]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.chdir(tmp_path)  # the vision tower of that name in the current folder is found
    return Bench.make(tmp_path)


def said(bench: Bench) -> dict[str, Any]:
    """What the script printed of its flags and rows, the last time."""
    lines = (bench.run_directory / "logs" / "train.log").read_text().splitlines()
    found: dict[str, Any] = json.loads(next(x for x in reversed(lines) if x.startswith("{")))
    return found


def test_from_rows_to_a_merged_model(bench: Bench) -> None:
    assert bench.run(bench.job()).ended == ALL
    run = bench.run_directory
    assert (run / "data" / "data.txt").read_text() == (
        "data/1-vl.json 0.006\ndata/2-text-text.json 0.004\n"
    )
    rows = json.loads((run / "data" / "1-vl.json").read_text())
    places = {one["image"][0] for one in rows}
    assert places == {f"{bench.root}/sets/img/{number}.png" for number in range(3)}
    assert said(bench)["rows"] == 10
    record = records.read(run)
    facts = record.stage("train").facts["adapter"]
    assert facts["base"] == str(run / "internlm-xcomposer2-vl-7b")  # absolute, as the tutorial asks
    assert (facts["steps"], facts["last_loss"], facts["modules"]) == (3, 1.25, 1)
    assert record.stage("merge").facts["merged"]["types"] == "float32"
    assert (run / VISION).resolve() == (bench.root / VISION).resolve()
    assert bench.run(bench.job()).ended == []


def test_a_whole_model_needs_no_merge(bench: Bench) -> None:
    told = bench.run(bench.job(recipe="xcomposer2-full"))
    assert told.ended == ALL[:-1]
    facts = records.read(bench.run_directory).stage("train").facts["work"]
    assert (facts["steps"], facts["types"]) == (3, "float32")
    assert said(bench)["flags"]["fix_vit"] == "False"


def test_a_training_that_dies_fails_and_goes_on_from_its_checkpoint(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No pipe hides its exit code, and the shim alone is new when it goes on."""
    monkeypatch.setenv("FINETUNE", "dies")
    with pytest.raises(RecipeError, match="did not finish") as caught:
        bench.run(bench.job())
    assert "exit code 7" in str(caught.value.why)
    assert said(bench)["pythonpath"] is None
    bench.run(bench.job())
    flags = said(bench)["flags"]
    assert flags["resume_from_checkpoint"] == "adapter/checkpoint-2"
    assert said(bench)["pythonpath"] == str(bench.run_directory / "shim")
    assert records.read(bench.run_directory).state == "done"


def test_a_last_step_that_was_not_saved_is_no_success(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINETUNE", "forgets the last step")
    with pytest.raises(RecipeError) as caught:
        bench.run(bench.job())
    assert "no trainer_state.json" in caught.value.what
    assert records.read(bench.run_directory).state == "failed"


def test_a_run_can_be_moved_into_another_shell(bench: Bench) -> None:
    """commands.sh from another folder, without this tool."""
    import subprocess

    bench.run(bench.job())
    run = bench.run_directory
    shutil.rmtree(run / "adapter")
    shutil.rmtree(run / "merged")
    done = subprocess.run(
        ["bash", str(run / "commands.sh")], cwd="/", env={**os.environ}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (run / "merged" / "config.json").is_file()


def test_a_source_with_both_kinds_of_rows_becomes_two_files(bench: Bench) -> None:
    """The script reads a whole file by its first row."""
    bench.put("vl.json", [row(0, "img/0.png"), row(1), row(2, "img/1.png", "img/2.png"), row(3)])
    bench.run(bench.job(), last="data")
    assert (bench.run_directory / "data" / "data.txt").read_text().splitlines() == [
        "data/1-vl.json 0.002",
        "data/1-vl-text.json 0.002",
        "data/2-text-text.json 0.004",
    ]


def test_a_count_draws_that_many_rows(bench: Bench) -> None:
    bench.run(bench.job("data.sources.0.sample_rows=2"), last="data")
    lines = (bench.run_directory / "data" / "data.txt").read_text()
    assert lines.startswith("data/1-vl.json 0.002\n")


def cut(bench: Bench) -> None:
    (bench.root / "sets" / "img" / "1.png").write_bytes(png()[:-5])


def grey(bench: Bench) -> None:
    (bench.root / "sets" / "img" / "1.png").write_bytes(png(0))


def gone(bench: Bench) -> None:
    (bench.root / "sets" / "img" / "1.png").unlink()


def four_inks(bench: Bench) -> None:
    (bench.root / "sets" / "img" / "1.png").write_bytes(jpeg(4))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut, "1.png cannot be used: it is cut off"),
        (grey, "1.png cannot be used: it is not RGB but grey"),
        (gone, "img/1.png cannot be used: there is no such file"),
        (four_inks, "1.png cannot be used: it is not RGB but CMYK"),
    ],
)
def test_a_picture_that_would_stop_the_training_stops_the_data_stage(
    bench: Bench, damage: Any, words: str
) -> None:
    damage(bench)
    with pytest.raises(RecipeError, match="would not train") as caught:
        bench.run(bench.job())
    assert words in str(caught.value.why)
    assert "beside its file of rows" in str(caught.value.fix)
    assert str(caught.value.why).count("1.png") == 2  # both rows that name it
    assert not (bench.run_directory / "train.sh").exists()


def test_marks_that_do_not_fit_the_pictures_are_refused(bench: Bench) -> None:
    bench.put("vl.json", [row(0, "img/0.png"), row(1, "img/0.png", ask="<ImageHere><ImageHere>?")])
    with pytest.raises(RecipeError) as caught:
        bench.run(bench.job())
    assert "2 for 1" in f"{caught.value.what} {caught.value.why}"


def test_a_count_above_the_rows_is_refused(bench: Bench) -> None:
    with pytest.raises(RecipeError, match="more rows than there are") as caught:
        bench.run(bench.job("data.sources.0.sample_rows=100"))
    assert "sources.0.sample_rows asks for 100 rows of" in str(caught.value.why)
    assert "which has 6" in str(caught.value.why)


def test_without_a_vision_tower_the_check_says_what_to_do(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(bench.root / VISION)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RecipeError) as caught:
        bench.run(bench.job("model.hub=huggingface"), last="check")
    assert VISION in caught.value.what
    assert f"./{VISION}" in str(caught.value.fix)


def test_a_vision_tower_in_the_run_itself_satisfies_it(bench: Bench) -> None:
    own = bench.run_directory / VISION
    own.mkdir(parents=True)
    (own / "config.json").write_text('{"mine": 1}')
    bench.run(bench.job())
    assert not own.is_symlink()
    facts = records.read(bench.run_directory).stage("check").facts
    assert facts["vision"] == str(own)


def test_a_contract_rehearsal_looks_at_everything_and_trains_nothing(bench: Bench) -> None:
    shutil.rmtree(bench.root / "base")
    job = bench.job("model.path=null", rehearse=True)
    assert job.standin == "contract"
    assert any("CONTRACT" in line for line in job.changes)
    assert bench.run(job).ended == ["data", "render", "check"]
    text = (bench.run_directory / "train.sh").read_text()
    assert "THIS IS A CONTRACT REHEARSAL" in text
    assert "--bf16 False" in text
    cut(bench)
    with pytest.raises(RecipeError, match="would not train"):
        bench.run(bench.job("model.path=null", "data.split.seed=1", rehearse=True))
