"""What engines say of a training: lines as they are printed, and the files that are left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engines import llamafactory, registry, xtuner
from orchestrator.engines.progress import Step, one_curve
from orchestrator.engines.protocol import TellsProgress
from orchestrator.engines.trainer_progress import history
from orchestrator.engines.xtuner.progress import answers_in
from tests.support.training import LOSSES, PROMPTS, iteration, log, sample

ITERATIONS = {
    iteration(6, 6, 7.5416): Step(step=6, total=6, loss=7.5416, rate=1.3397e-05, left=0.0),
    iteration(10, 1930, 1.5, 18043): Step(
        step=10, total=1930, loss=1.5, rate=1.3397e-05, left=0.0, memory=18043
    ),
    "Epoch(train)  [2][10/33]  lr: 1e-04  eta: 1 day, 2:03:04  time: 0.5  loss: 1.5": Step(
        step=43, loss=1.5, rate=1e-4, left=93784.0
    ),
    "Iter(train) [ 10/100]  lr: 2.0000e-04  loss: 1.2": Step(
        step=10, total=100, loss=1.2, rate=2e-4
    ),
}
BARS = {
    " 12%|█▎        | 2/16 [00:00<00:00, 16.97it/s]": Step(step=2, total=16),
    "100%|██████████| 1449/1449 [2:03:11<00:00,  5.10s/it]": Step(step=1449, total=1449),
    "    {'loss': 7.5226, 'grad_norm': 0.3, 'learning_rate': 0.0001, 'epoch': 0.06}": Step(
        loss=7.5226, rate=1e-4
    ),
    # transformers 5 prints its figures as texts
    "{'loss': '7.52', 'grad_norm': '0.3', 'learning_rate': '9.9e-05', 'epoch': '0.06'}": Step(
        loss=7.52, rate=9.9e-5
    ),
}
#: Lines that say nothing of the steps of a training, though they look like it.
OTHERS = [
    "",
    "11/21 18:58:25 - mmengine - INFO - Iter(val) [3/4]  eta: 0:00:01",
    "Running tokenizer on dataset: 100%|██████████| 16/16 [00:00<00:00, 106.05 examples/s]",
    "Loading checkpoint shards:  50%|█████     | 1/2 [00:00<00:00, 3.2it/s]",
    "{'eval_loss': 1.2, 'eval_runtime': 3.1}",
    "{'train_runtime': 0.5155, 'train_loss': 7.53, 'epoch': 1.0}",
]


@pytest.mark.parametrize("line", ITERATIONS)
def test_an_iteration_of_mmengine(line: str) -> None:
    assert xtuner.progress(line) == ITERATIONS[line]


@pytest.mark.parametrize("line", BARS)
def test_a_line_of_the_trainer(line: str) -> None:
    assert llamafactory.progress(line) == BARS[line]


@pytest.mark.parametrize("line", OTHERS)
def test_other_lines_say_nothing(line: str) -> None:
    assert xtuner.progress(line) is None
    assert llamafactory.progress(line) is None


@given(st.text())
def test_no_line_breaks_a_recogniser(line: str) -> None:
    for name in registry.names():
        engine = registry.get(name)
        assert isinstance(engine, TellsProgress)
        engine.progress(line)


def test_a_loss_that_is_no_number_is_told() -> None:
    step = xtuner.progress(iteration(3, 9, "nan"))
    assert step is not None
    assert step.loss is not None
    assert step.loss != step.loss


@given(st.lists(st.tuples(st.integers(1, 50) | st.none(), st.floats() | st.none())))
def test_a_curve_rises_and_ends_with_what_came_last(lines: list[tuple[int, float]]) -> None:
    curve = one_curve(Step(step=step, loss=loss) for step, loss in lines)
    numbers = [one.step for one in curve if one.step is not None]
    assert numbers == sorted(set(numbers))
    told = [step for step, loss in lines if step is not None and loss is not None]
    assert numbers[-1:] == told[-1:]


def test_a_later_try_replaces_what_it_does_again() -> None:
    steps = [Step(step=n, loss=float(n)) for n in (1, 2, 3, 4, 3, 4, 5)]
    again = [Step(step=n, loss=float(-n)) for n in (1, 2)]
    assert [one.step for one in one_curve(steps)] == [1, 2, 3, 4, 5]
    assert [one.loss for one in one_curve([*steps, *again])] == [-1, -2]


def xtuner_run(root: Path, *texts: str) -> Path:
    (root / "config.py").write_text(
        f"evaluation_inputs = {list(PROMPTS)!r}\nmodel = dict(type=x)\n", encoding="utf-8"
    )
    for number, text in enumerate(texts):
        folder = root / "work" / f"20260101_00000{number}"
        folder.mkdir(parents=True)
        (folder / f"{folder.name}.log").write_text(text, encoding="utf-8")
    return root


def test_what_a_training_of_xtuner_left(tmp_path: Path) -> None:
    learnt = xtuner.learning(xtuner_run(tmp_path, log(memory=8032)))
    assert [one.loss for one in learnt.steps] == list(LOSSES)
    assert {one.memory for one in learnt.steps} == {8032}
    last = len(LOSSES)
    assert [(one.step, one.prompt, one.text) for one in learnt.answers] == [
        (0, PROMPTS[0], "before 0"),
        (0, PROMPTS[1], "before 1"),
        (last, PROMPTS[0], "after 0"),
        (last, PROMPTS[1], "after 1"),
    ]


def test_a_training_that_was_cut_off_is_one_curve(tmp_path: Path) -> None:
    rest = "\n".join(iteration(step, 8, 1.5) for step in (4, 5, 6))
    learnt = xtuner.learning(xtuner_run(tmp_path, log(), rest))
    assert [one.step for one in learnt.steps] == [1, 2, 3, 4, 5, 6]
    assert learnt.steps[-1].loss == 1.5


@pytest.mark.parametrize(
    "turn",
    [
        "<s><|User|>:{input}<eoh>\n<|Bot|>:{answer}<eoa>",
        "<|User|>:{input}\n<|Bot|>:{answer}</s>",
        "<|im_start|>user\n{input}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>",
        "<s>[INST] {input} [/INST]{answer}</s>",
        "[Round 1]\n\n问：{input}\n\n答：{answer}",
        "<|user|>\n{input}<|assistant|>\n{answer}",
        "USER: {input} ASSISTANT:{answer}</s>",
        "### Instruction:\n{input}\n\n\n### Response:\n{answer}",
    ],
)
def test_an_answer_is_told_from_the_marks_of_its_template(turn: str) -> None:
    told = turn.format(input="why?", answer=" because <b> and 1/2 ")
    text = sample("x", "y").partition("Sample output:")[0] + f"Sample output:\n{told}\n"
    (answer,) = answers_in(text, ["why?"])
    assert answer.text == "because <b> and 1/2"


@pytest.mark.parametrize("config", ["", "evaluation_inputs = [", "evaluation_inputs = f(1)\n"])
def test_a_config_without_readable_prompts_costs_nothing_else(tmp_path: Path, config: str) -> None:
    root = xtuner_run(tmp_path, log())
    (root / "config.py").write_text(config, encoding="utf-8")
    learnt = xtuner.learning(root)
    assert len(learnt.steps) == len(LOSSES)
    assert "after 1" in learnt.answers[-1].text


@pytest.mark.parametrize("rate", ["lr", "learning_rate"])
def test_what_a_training_of_llamafactory_left(tmp_path: Path, rate: str) -> None:
    lines = [
        json.dumps({"current_steps": step, "total_steps": 3, "loss": 4.0 / step, rate: 1e-4})
        for step in (1, 2, 3)
    ]
    lines += [json.dumps({"current_steps": 3, "total_steps": 3}), '{"current_st', "[]"]
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "trainer_log.jsonl").write_text("\n".join(lines), encoding="utf-8")
    learnt = llamafactory.learning(tmp_path)
    assert [(one.step, one.loss, one.total) for one in learnt.steps] == [
        (1, 4.0, 3),
        (2, 2.0, 3),
        (3, 4.0 / 3, 3),
    ]
    assert {one.rate for one in learnt.steps} == {1e-4}
    assert learnt.answers == ()


def test_a_run_that_never_trained_left_nothing(tmp_path: Path) -> None:
    for name in registry.names():
        engine = registry.get(name)
        assert isinstance(engine, TellsProgress)
        assert engine.learning(tmp_path).steps == ()


def test_the_history_of_a_trainer(tmp_path: Path) -> None:
    def state(*losses: float) -> str:
        logged = [
            {"step": 10 * at, "loss": loss, "learning_rate": 1e-4, "epoch": 0.1}
            for at, loss in enumerate(losses, 1)
        ]
        summary = {"step": 10 * len(losses), "train_loss": 2.0, "train_runtime": 1.0}
        return json.dumps({"max_steps": 30, "log_history": [*logged, summary]})

    assert history(tmp_path).steps == ()
    for number, text in ((9, state(3)), (20, state(3, 2)), (100, '{"log_his')):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(text, encoding="utf-8")
    assert [one.loss for one in history(tmp_path).steps] == [3, 2]  # the newest that is whole
    (tmp_path / "trainer_state.json").write_text(state(3, 2, 1), encoding="utf-8")
    told = [(one.step, one.total, one.loss, one.rate) for one in history(tmp_path).steps]
    assert told == [(10, 30, 3, 1e-4), (20, 30, 2, 1e-4), (30, 30, 1, 1e-4)]
