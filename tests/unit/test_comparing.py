"""What a comparison asks, how it scores answers, and what its verdicts say of figures."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.comparing import compare as comparing
from orchestrator.comparing import scores
from orchestrator.comparing.asking import asked, conversation
from orchestrator.comparing.verdicts import verdicts
from orchestrator.engines import registry
from orchestrator.engines.protocol import Compares
from orchestrator.recipe.load import load

KINDS = ("as_it_should", "as_base", "neither", "other_base", "missing", "not_finite")
TEXT = st.text(min_size=1).filter(str.strip)


def model(loss: float | None, *texts: str) -> dict[str, Any]:
    answers = [{"text": text, "ended": True} for text in texts]
    return {"answers": answers, "loss": loss, "tokens": 9}


def healthy() -> dict[str, Any]:
    """What the probe finds of a run that learnt."""
    after = model(1.0, "我是张三的小助手")
    return {
        "models": {"base": model(2.0, "我是书生"), "adapter": after, "merged": after},
        "unfit": {},
        "adapter": {"modules": 14, "zero": 0},
        "merged": {kind: [] for kind in KINDS} | {"as_it_should": ["a", "b"]},
        "template": {"unknown_marks": [], "chat_template": None},
    }


def ids(found: dict[str, Any], steps: int | None = 200, *, rehearsal: bool = False) -> list[str]:
    return [one.id for one in verdicts(found, steps=steps, rehearsal=rehearsal)]


def test_a_run_that_learnt_has_one_good_verdict() -> None:
    (only,) = verdicts(healthy(), steps=200, rehearsal=False)
    assert (only.id, only.level) == ("learnt", "good")


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("as_base", "not-merged"),
        ("neither", "damaged-export"),
        ("missing", "damaged-export"),
        ("not_finite", "damaged-export"),
        ("other_base", "wrong-base"),
    ],
)
def test_every_kind_of_wrong_weight_has_its_verdict(kind: str, verdict: str) -> None:
    found = healthy()
    found["merged"][kind] = ["model.norm.weight"]
    told = {one.id: one for one in verdicts(found, steps=200, rehearsal=True)}
    assert told[verdict].level == "bad"
    assert "model.norm.weight" in told[verdict].english
    assert "model.norm.weight" in told[verdict].chinese


def test_another_base_is_not_called_a_damaged_export() -> None:
    found = healthy()
    found["merged"] |= {"other_base": ["embed"], "neither": ["q_proj"]}
    assert "damaged-export" not in ids(found)


def test_what_cannot_be_loaded_is_said_with_the_reason() -> None:
    found = healthy()
    found["unfit"] = {"adapter": "size mismatch for q_proj", "merged": "header too large"}
    told = {one.id: one.english for one in verdicts(found, steps=200, rehearsal=False)}
    assert "size mismatch for q_proj" in told["wrong-base"]
    assert "header too large" in told["damaged-export"]


def test_a_zero_adapter_and_a_single_step_learnt_nothing() -> None:
    found = healthy()
    assert "one-step" in ids(found, steps=1)
    assert "one-step" not in ids(found, steps=None)
    found["adapter"]["zero"] = 14
    assert ids(found) == ["nothing-learnt"]


@given(before=st.floats(0.01, 12), share=st.floats(0, 3))
def test_the_loss_alone_says_learnt_hardly_or_worse(before: float, share: float) -> None:
    found = healthy()
    found["models"]["base"]["loss"] = before
    found["models"]["adapter"] = model(before * share, "another answer")
    expected = "learnt" if share < 0.99 else "worse" if share > 1.01 else "nothing-learnt"
    if abs(share - 0.99) > 1e-9 and abs(share - 1.01) > 1e-9:
        assert ids(found) == [expected]


def test_without_held_out_rows_equal_answers_are_the_evidence() -> None:
    found = healthy()
    for one in found["models"].values():
        one["loss"] = None
    assert ids(found) == []
    found["models"]["adapter"] = deepcopy(found["models"]["base"])
    assert ids(found) == ["nothing-learnt"]


def test_a_template_is_judged_by_marks_and_by_the_models_own_but_not_in_a_rehearsal() -> None:
    found = healthy()
    found["template"]["unknown_marks"] = ["<|im_start|>"]
    assert "wrong-template" in ids(found)
    found["template"] = {"unknown_marks": [], "chat_template": {"loss": 1.5, "tokens": 9}}
    assert "wrong-template" in ids(found)
    assert "wrong-template" not in ids(found, rehearsal=True)
    found["template"]["chat_template"]["loss"] = 1.95
    assert "wrong-template" not in ids(found)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), st.none() | TEXT)
def test_a_plain_conversation_keeps_every_text(
    turns: list[tuple[str, str]], system: str | None
) -> None:
    said = [{"role": "system", "content": system}] if system else []
    for question, reply in turns:
        said += [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]
    found = conversation(json.dumps({"messages": said}).encode())
    assert found == {"system": system, "turns": [list(turn) for turn in turns]}


@pytest.mark.parametrize(
    "line",
    [
        b"{broken",
        b"[1]",
        b'{"messages": [{"role": "user", "content": "hello"}]}',
        b'{"messages": [{"role": "user", "content": "<image>"},'
        b' {"role": "assistant", "content": "a cat"}], "images": ["a.png"]}',
    ],
)
def test_a_row_that_is_no_plain_conversation_is_left_out(line: bytes) -> None:
    assert conversation(line) is None


def test_rows_are_a_seeded_sample_after_the_prompts(tmp_path: Path) -> None:
    recipe = load("medqa-qlora", environ={}).recipe
    (tmp_path / "data").mkdir()
    rows = [{"conversation": [{"input": f"q{n}", "output": f"a{n}"}]} for n in range(40)]
    (tmp_path / "data" / "test.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    first = asked(tmp_path, recipe, rows=5, seed=1)
    assert first == asked(tmp_path, recipe, rows=5, seed=1)
    assert first.rows != asked(tmp_path, recipe, rows=5, seed=2).rows
    assert (len(first.rows), first.total, first.skipped) == (5, 40, 0)
    assert [one["turns"][0][0] for one in first.prompts] == list(recipe.evaluate.prompts)
    assert first.prompts[0]["system"] == recipe.data.sources[0].system
    assert len(asked(tmp_path, recipe, rows=99, seed=1).rows) == 40


def test_a_run_without_held_out_rows_asks_the_prompts_alone(tmp_path: Path) -> None:
    found = asked(tmp_path, load("medqa-qlora", environ={}).recipe, rows=5, seed=0)
    assert found.items == found.prompts
    assert found.prompts


@pytest.mark.parametrize("name", registry.names())
def test_an_engine_without_a_comparison_says_so(name: str) -> None:
    engine = registry.get(name)
    release = engine.releases[0]
    if isinstance(engine, Compares):
        assert comparing.engine_of(release) is engine
        return
    with pytest.raises(UsageError) as caught:
        comparing.engine_of(release)
    assert name in caught.value.what
    assert caught.value.fix


def test_a_damaged_result_is_an_error_with_its_place(tmp_path: Path) -> None:
    assert comparing.read(tmp_path) is None
    (tmp_path / comparing.RESULT).write_text("{", "utf-8")
    with pytest.raises(RecipeError) as caught:
        comparing.read(tmp_path)
    assert caught.value.where == str(tmp_path / comparing.RESULT)


def test_scores_count_chinese_by_characters() -> None:
    pytest.importorskip("sacrebleu", reason="the extra `scores` is not installed")
    pytest.importorskip("rouge_score", reason="the extra `scores` is not installed")
    same = scores.scores(["饭后服用二甲双胍，每天两次。"], ["饭后服用二甲双胍，每天两次。"])
    assert same == dict.fromkeys(same, 100.0)
    half = scores.scores(["饭后服用"], ["饭后吃药"])
    assert half["rouge1"] == 50.0  # two of four characters
    other = scores.scores(["头孢"], ["布洛芬"])
    assert other["rougeL"] == 0.0
