"""What goes wrong in a stage, with a fake engine: the truth is told, and the next run goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.base import process_group
from orchestrator.base.errors import Interrupted, RecipeError
from orchestrator.base.layout import RunPaths
from orchestrator.running import record as records
from orchestrator.running.deciding import Selection
from orchestrator.running.runner import Runner
from tests.support.fake_engine import MODULES, FakeEngine, Told, small_job
from tests.support.signals import send_when
from tests.support.waiting import until
from tests.support.weight_files import Raw, adapter_tensors, safetensors, torch_zip


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "run"
        self.engine = FakeEngine.make(folder / "engine")
        self.told = Told()

    def run(self, *sets: str) -> None:
        self.told = Told()
        job = small_job(self.folder, *sets)
        Runner(job, self.root, self.told, self.engine.environment).run(Selection())

    def fails(self, *sets: str) -> RecipeError:
        with pytest.raises(RecipeError) as caught:
            self.run(*sets)
        return caught.value


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


#: stage, what the engine does instead, words that the error must hold.
FAULTS = {
    "a crash behind exit code 0": (
        "train",
        "echo 'Traceback (most recent call last):'; echo 'KeyError: oops'; exit 0",
        ["KeyError: oops"],
    ),
    "a command error behind exit code 0": (
        "train",
        "echo \"command error: 'No module named 'mmengine''!\"; exit 0",
        ["could not import its own tool", "recipe env doctor"],
    ),
    "the GPU's memory": (
        "train",
        "echo 'torch.cuda.OutOfMemoryError: CUDA out of memory. Tried'; exit 1",
        ["the GPU's memory is full", "train.batch_size 1"],
    ),
    "silence": ("convert", "exit 0", ["nothing in its log says why"]),
    "an exit code": ("train", "echo nothing known; exit 3", ["exit code 3"]),
    "killed": ("train", "kill -9 $$", ["signal 9"]),
    "ended": ("merge", "kill -15 $$", ["SIGTERM"]),
    "no checkpoint": (
        "train",
        "echo 'after_train in EvaluateChatHook.'; exit 0",
        ["The stage made no work"],
    ),
    "a checkpoint cut off": (
        "train",
        'mkdir work; head -c 300 "$home/made/iter_8.pth" > work/iter_8.pth; '
        "echo work/iter_8.pth > work/last_checkpoint; "
        "echo 'after_train in EvaluateChatHook.'; exit 0",
        ["iter_8.pth cannot be loaded", "cut off"],
    ),
    "an adapter without weights": (
        "convert",
        "mkdir adapter; echo '{}' > adapter/adapter_config.json; echo 'All done!'; exit 0",
        ["no weights"],
    ),
    "a merged model without a tokenizer": (
        "merge",
        "cp -r \"$home/made/merge\" merged; rm merged/token*; echo 'All done!'; exit 0",
        ["no tokenizer"],
    ),
    "the tokenizer does not reload": (
        "tokenizer",
        "echo \"AttributeError: can't set attribute 'eos_token'\"; exit 1",
        ["ChatGLM tokenizer"],
    ),
    "the stand-in cannot be made": (
        "model",
        "echo \"unknown prompt template 'internlm_chta': did you mean internlm_chat?\"; exit 1",
        ["did you mean internlm_chat"],
    ),
    "the model's own code does not fit": (
        "train",
        "echo 'Traceback (most recent call last):'; echo '  File \"/c/transformers_modules/standin/"
        "modeling_x.py\", line 7, in forward'; echo 'AttributeError: no from_legacy_cache'; exit 1",
        [
            "the model's own code stopped it (modeling_x.py, line 7, in forward)",
            "--rehearse=native",
        ],
    ),
    "LoRA's targets are misspelt": (
        "train",
        "echo 'Traceback (most recent call last):'; echo '  File \"train.py\", line 1, in main'; "
        "echo \"ValueError: Target modules {'qproj'} not found in the base model. Please check the "
        'target modules and try again."; exit 1',
        ["the base model has no modules called {'qproj'}", "correct train.lora.targets"],
    ),
    "the check finds a fault": (
        "check",
        'echo \'{"faults": [{"what": "No GPU can be seen.", "why": "w", "fix": "f"}]}\' '
        "> check.json; exit 0",
        ["No GPU can be seen.", "why: w", "next step: f"],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_and_the_next_run_goes_on(bench: Bench, name: str) -> None:
    stage, script, wanted = FAULTS[name]
    shown = "merge" if stage == "tokenizer" else stage
    bench.engine.behave(stage, script)
    error = bench.fails()
    text = str(error)
    assert error.exit_code == 1
    assert all(words in text for words in wanted), text
    for words in (f"stage {shown}", f"{shown}.log", "run the same command again"):
        assert words in text
    record = records.read(bench.root)
    assert (record.state, record.pid, record.stage(shown).state) == ("failed", None, "failed")
    assert record.stage(shown).error == error.what
    before = {one.name for one in record.stages if one.state == "done"}
    bench.engine.heal()
    bench.engine.calls  # noqa: B018 - forgets them
    bench.run()
    assert records.read(bench.root).state == "done"
    assert set(bench.told.skips) == before
    assert shown in bench.told.ended


def test_an_adapter_that_does_nothing(bench: Bench) -> None:
    weights = bench.engine.root / "made" / "convert" / "adapter_model.safetensors"
    weights.write_bytes(safetensors(adapter_tensors(MODULES, b=0)))
    error = bench.fails()
    assert "every lora_B weight is zero" in str(error)
    assert not (bench.root / "merged").exists()


@pytest.mark.parametrize("broken", ["the weights", "only the loss"])
def test_a_training_that_diverged_is_not_called_killed(bench: Bench, broken: str) -> None:
    """mmengine goes on over a loss of NaN and ends with exit code 0."""
    nan = Raw("F32", (4, 4), b"\x00\x00\xc0\x7f" * 16)
    if broken == "the weights":
        checkpoint = bench.engine.root / "made" / "iter_8.pth"
        checkpoint.write_bytes(torch_zip({f"{name}.weight": nan for name in MODULES}))
        bench.engine.behave("train", "echo 'Iter(train) [8/8]  lr: 1e+08  loss: nan'")
    else:
        step = "11/21 19:26:29 - mmengine - INFO - Iter(train) [8/8]  lr: 1e+08  loss: nan"
        bench.engine.behave("train", f"echo '{step}'; exit 0")
    text = str(bench.fails())
    assert "NaN" in text
    assert "killed" not in text
    assert "lower train.learning_rate" in text
    assert "run the same command again" not in text


def test_what_was_there_before_is_kept(bench: Bench) -> None:
    bench.run()
    kept = (bench.root / "merged" / "times").read_bytes()
    bench.engine.behave("merge", "exit 1")
    bench.fails("export.max_shard_size=1GB")
    (aside,) = (bench.root / "superseded").glob("*-merge")
    assert (aside / "merged" / "times").read_bytes() == kept


def test_a_missing_engine(bench: Bench) -> None:
    (bench.engine.root / "bin" / "xtuner").unlink()
    error = bench.fails()
    assert "no program 'xtuner'" in str(error)
    assert "recipe env doctor xtuner@0.2.0" in str(error)
    assert records.read(bench.root).stage("train").state == "failed"


def test_a_failed_environment_leaves_a_failed_run(bench: Bench) -> None:
    def broken() -> object:
        raise RecipeError("xtuner@0.2.0 could not be installed.", fix="make room")

    runner = Runner(small_job(bench.folder), bench.root, Told(), broken)  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="could not be installed"):
        runner.run(Selection())
    record = records.read(bench.root)
    assert (record.state, record.stage("data").state) == ("failed", "done")


#: Training that leaves one checkpoint and then stops in the way that a test adds.
HALF = """
mkdir -p work && cp "$home/made/iter_8.pth" work/iter_4.pth
printf '%s' /elsewhere/work/iter_4.pth > work/last_checkpoint
"""


def test_training_goes_on_from_its_newest_checkpoint(bench: Bench) -> None:
    bench.engine.behave("train", HALF + "exit 1")
    bench.fails()
    bench.engine.heal()
    bench.engine.calls  # noqa: B018
    bench.run()
    (train,) = [line for line in bench.engine.calls if line.startswith("train")]
    assert train.endswith("train config.py --work-dir work --resume work/iter_4.pth")
    assert bench.told.begun["train"] == "training goes on from iter_4.pth"
    assert not (bench.root / "superseded").exists()


def test_training_with_other_values_starts_anew(bench: Bench) -> None:
    bench.engine.behave("train", HALF + "exit 1")
    bench.fails()
    bench.engine.heal()
    bench.engine.calls  # noqa: B018
    bench.run("train.learning_rate=0.1")
    (train,) = [line for line in bench.engine.calls if line.startswith("train")]
    assert "--resume" not in train
    assert len(list((bench.root / "superseded").glob("*-train/work/iter_4.pth"))) == 1


def test_a_damaged_checkpoint_is_not_gone_on_from(bench: Bench) -> None:
    damage = "head -c 300 work/iter_4.pth > work/cut && mv work/cut work/iter_4.pth\nexit 1"
    bench.engine.behave("train", HALF + damage)
    bench.fails()
    bench.engine.heal()
    bench.engine.calls  # noqa: B018
    bench.run()
    (train,) = [line for line in bench.engine.calls if line.startswith("train")]
    assert "--resume" not in train


SLOW = HALF + "sleep 300 & echo $! > child; echo $$ > parent; touch waiting; wait"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_whole_group(
    bench: Bench, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        process_group, "GRACE_SECONDS", 0.5
    )  # a shell's background job ignores SIGINT
    bench.engine.behave("train", SLOW)
    thread = send_when((bench.root / "waiting").exists, number)
    with pytest.raises(Interrupted) as caught:
        bench.run()
    thread.join()
    assert caught.value.exit_code == 130
    for name in ("child", "parent"):
        pid = int((bench.root / name).read_text(encoding="ascii"))
        assert process_group.start_time(pid) is None
    record = records.read(bench.root)
    assert (record.state, record.stage("train").state) == ("interrupted", "interrupted")
    bench.engine.heal()
    bench.run()
    assert bench.told.begun["train"] == "training goes on from iter_4.pth"
    assert records.read(bench.root).state == "done"


def test_two_runs_at_once_are_refused(bench: Bench) -> None:
    bench.run()
    before = (bench.root / "run.json").read_bytes()
    with records.claimed(RunPaths(bench.root)):
        error = bench.fails()
    assert "Another process is working in this run directory." in str(error)
    assert (bench.root / "run.json").read_bytes() == before


RUN_ALONE = """
import sys; sys.path[:0] = {path!r}
from pathlib import Path
from tests.unit.test_runner_faults import Bench
from tests.support.fake_engine import MODULES, FakeEngine, Told, small_job
from orchestrator.running.deciding import Selection
from orchestrator.running.runner import Runner
folder = Path({folder!r})
engine = FakeEngine(folder / "engine")
Runner(small_job(folder), folder / "run", Told(), engine.environment).run(Selection())
"""


def test_a_killed_recipe_process_shows_as_interrupted_and_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 leaves nobody to write the record; what the engine still does must not be met."""
    bench.engine.behave("train", SLOW)
    code = RUN_ALONE.format(path=sys.path, folder=str(bench.folder))
    recipe = subprocess.Popen([sys.executable, "-c", code])
    until((bench.root / "waiting").exists, what="the training")
    until((bench.root / ".engine").exists, what="the note of its process")
    recipe.kill()
    recipe.wait()
    record = records.read(bench.root)
    assert (record.state, records.shown_state(record, bench.root)) == ("running", "interrupted")
    monkeypatch.setattr(process_group, "GRACE_SECONDS", 0.5)
    bench.engine.heal()
    bench.run()
    assert bench.told.begun["train"] == "training goes on from iter_4.pth"
    assert "ended the engine that an earlier, killed `recipe` left behind" in bench.told.notes
    assert records.read(bench.root).state == "done"
    left = int((bench.root / "parent").read_text(encoding="ascii"))
    assert process_group.start_time(left) is None


def test_a_record_that_cannot_be_written_does_not_hide_the_cause(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run()
    before = json.loads((bench.root / "run.json").read_text(encoding="utf-8"))
    bench.engine.behave("merge", "echo 'OSError: [Errno 28] No space left on device'; exit 1")
    real = records.save

    def full(record: records.RunRecord, paths: RunPaths) -> None:
        if record.stage("merge").state == "failed":
            raise RecipeError("run.json could not be written.", why="No space left on device")
        real(record, paths)

    monkeypatch.setattr(records, "save", full)
    error = bench.fails("export.max_shard_size=1GB")
    assert "stage merge" in str(error)
    assert "the disk is full" in str(error)
    assert before["state"] == "done"
