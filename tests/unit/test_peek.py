"""`recipe peek`: what becomes of an engine's answer, and what stops it before one is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from data_tools.language import is_chinese
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.cli import cli
from orchestrator.envs import inventory
from orchestrator.hub.folder import ModelFolder
from orchestrator.probes import token_view
from orchestrator.report.page import data_in
from orchestrator.report.peek import differences, html, runs, summary
from orchestrator.running import peeking, trial
from tests.support.fake_engine import RECIPE, FakeEngine


class Bytes:
    """A tokenizer of bytes: three for a Chinese character."""

    chat_template = None

    def decode(self, ids: list[int], **_: Any) -> str:
        return bytes(ids).decode("utf-8", "replace")

    def convert_ids_to_tokens(self, number: int) -> str:
        return f"<0x{number:02X}>"


class Pieces(Bytes):
    """SentencePiece's way: a first word's space is lost in decoding."""

    def decode(self, ids: list[int], **_: Any) -> str:
        return "".join(" hello" if number else "well" for number in ids).lstrip()

    def convert_ids_to_tokens(self, number: int) -> str:
        return "\u2581hello" if number else "well"


# ------------------------------------------------------------------ tokens


@given(st.text())
def test_the_texts_of_tokens_are_the_text(text: str) -> None:
    ids = list(text.encode("utf-8", "surrogatepass"))
    assert "".join(token_view.texts(Bytes(), ids)) == Bytes().decode(ids)


def test_a_character_stands_at_its_last_token() -> None:
    assert token_view.texts(Bytes(), list("你a".encode())) == ["", "", "你", "a"]
    assert token_view.texts(Bytes(), [0xE4, ord("a")]) == ["\ufffd", "a"], "half a character"
    assert token_view.texts(Pieces(), [0, 1]) == ["well", " hello"]
    assert token_view.texts(Bytes(), [-200]) == ["<-200>"], "the place of a picture"


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans())))
def test_what_is_lost_and_what_is_kept_are_the_whole(tokens: list[tuple[int, bool]]) -> None:
    """Whatever is cut, and however often text repeats itself."""
    full = [number for number, _ in tokens]
    kept = [number for number, stays in tokens if stays]
    spans = token_view.lost(full, kept)
    gone = {place for at, count, _ in spans for place in range(at, at + count)}
    assert len(gone) == len(full) - len(kept)
    assert [number for place, number in enumerate(full) if place not in gone] == kept


def test_long_pieces_are_found_again() -> None:
    full = [*range(100), *range(50), *range(200, 240)]
    assert token_view.lost(full, full[:90] + full[150:170]) == [(90, 60, 90), (170, 20, 110)]
    assert token_view.lost(full, full) == []


# ------------------------------------------------------------------ words


def prompt(name: str, *texts: str, absent: str | None = None) -> dict[str, Any]:
    return {"name": name, "ids": [hash(one) for one in texts], "texts": texts, "absent": absent}


def told(*prompts: dict[str, Any], system: str | None = None) -> list[str]:
    return [english for english, _ in differences(prompts, system)]


def test_equal_and_absent_prompts_say_nothing() -> None:
    same = prompt("training", "<s>", "hi")
    assert told(same, prompt("chat", "<s>", "hi"), prompt("tokenizer", absent="none")) == []
    assert told() == []


def test_each_difference_is_named_with_its_place() -> None:
    training = prompt("training", "<s>", "User:", "hi", "\n")
    assert told(training, prompt("chat", "<s>", "<s>", "User:", "hi", "\n")) == [
        "the engine's chat: “<s>” more than in training"
    ]
    assert told(training, prompt("chat", "<s>", "User:", "hi")) == [
        "the engine's chat: “⏎” of the training is missing"
    ]
    assert told(training, prompt("tokenizer", "<s>", "USER", "hi", "\n")) == [
        "the tokenizer's own chat template: “USER” where training has “User:”"
    ]
    assert told(prompt("training", "ab"), prompt("chat", "a", "b")) == [
        "the engine's chat: the same text in other tokens"
    ]
    lacking = told(
        prompt("training", "<s>", "Be kind.", "hi"), prompt("chat", "<s>", "hi"), system="Be kind."
    )
    assert lacking[0] == "the engine's chat: without the row's system text"


SEEN: dict[str, Any] = {
    "faults": [],
    "warnings": ["few steps"],
    "figures": {"iterations_per_epoch": 2, "optimizer_steps": 4},
    "tokenizer": {"class": "Bytes", "size": 256, "bos": None, "eos": None, "pad": None},
    "limit": 8,
    "rows": [[1, 4, 4, 2], [2, 12, 8, 3], [3, 9, 0, 0], [4, 9, 8, 0]],
    "shown": [
        {
            "row": 2,
            "parts": [
                {
                    "name": "",
                    "ids": [1, 2, 3],
                    "labels": [-100, 2, 3],
                    "texts": ["<script>", "ans", "wer\u001b[2J"],
                    "tokens": ["a", "b", "c"],
                }
            ],
            "cuts": [{"at": 3, "tokens": 4, "trained": 4, "text": " goes on"}],
            "prompts": [prompt("training", "<s>"), prompt("chat", "<s>", "<s>")],
            "system": None,
        }
    ],
    "packed": [[8, 3, 0], [8, 2, 4]],
    "sequence": None,
}
JOB = {"recipe": "mine", "engine": "e@1", "model": "m", "template": "t", "rehearsal": "native"}


def test_rows_are_counted_and_named() -> None:
    about = summary({**JOB, **SEEN})["about"]
    assert (about["count"], about["tokens"], about["trained"]) == (4, 20, 5)
    assert (about["cut"], about["dropped"], about["untrained"]) == ([2, 4], [3], [4])
    empty = summary({**JOB, **SEEN, "rows": [], "shown": []})["about"]
    assert (empty["count"], empty["longest"]) == (0, 0)


def test_runs_of_what_is_trained_on() -> None:
    part = SEEN["shown"][0]["parts"][0]
    assert list(runs(part)) == [(False, "<script>"), (True, "answer\u001b[2J")]
    assert list(runs({"labels": [], "texts": []})) == []


def test_the_page_says_that_it_is_a_rehearsal_and_runs_nothing_of_a_row() -> None:
    page = html(summary({**JOB, **SEEN}))
    assert "REHEARSAL" in page
    assert "&lt;script&gt;" in page
    assert "\u001b" not in page
    assert "4 tokens" in page.replace("<span", " <span") or "goes on" in page
    assert data_in(page)["figures"]["optimizer_steps"] == 4


# ------------------------------------------------------------------ the verb


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    made = FakeEngine.make(tmp_path / "engine")
    (made.root / "made" / "peek.json").write_text(json.dumps(SEEN), encoding="utf-8")
    model = tmp_path / "base"
    model.mkdir()
    found = ModelFolder(path=model, files={}, id="base")
    monkeypatch.setattr(trial, "fetch_model", lambda _model, *, weights: None if weights else found)
    monkeypatch.setattr(inventory, "find", lambda _release, *, python: made.environment("fake"))
    monkeypatch.setenv("RECIPE_LANG", "en")
    (tmp_path / "small.yaml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return made


def said(*words: str) -> str:
    done = CliRunner().invoke(cli, ["peek", "small.yaml", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_the_rows_on_a_terminal(engine: FakeEngine) -> None:
    output = said("--row", "2")
    assert engine.stages == ["peek"], "no model is made or fetched, nothing is trained"
    assert "<script>⟦answer\\x1b[2J⟧" in output, "printed, never obeyed; marked without colour"
    assert "1 dropped in silence: 3" in output
    assert "2 cut at 8 tokens: 2, 4" in output
    assert "cut after token 3: 4 tokens, 4 to train on" in output
    assert "2 sequences, 16 tokens, 4 of them padding" in output
    assert "! the engine's chat: “<s>” more than in training" in output
    assert "-100" in said("--table")
    assert "REHEARSAL" in said("--rehearse=native")


def test_the_same_in_chinese(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPE_LANG", "zh")
    is_chinese.cache_clear()
    try:
        output = said()
    finally:
        is_chinese.cache_clear()
    assert "1 被悄悄丢弃: 3" in output
    assert "! 引擎的对话：比训练多出 “<s>”" in output


def test_for_programs_and_as_a_page(engine: FakeEngine, tmp_path: Path) -> None:
    assert json.loads(said("--json"))["shown"][0]["differences"]
    assert said("--html", "seen.html").strip() == "seen.html"
    assert "<h1>" in (tmp_path / "seen.html").read_text(encoding="utf-8")


def test_rows_and_sequences_that_are_not_there(engine: FakeEngine) -> None:
    with pytest.raises(UsageError, match="There is no row 999") as told:
        said("--row", "999")
    assert "1 to" in str(told.value.why)
    assert engine.stages == [], "no engine is asked"
    with pytest.raises(UsageError, match="no packed sequence 3"):
        said("--sequence", "3")


def test_faults_of_the_engine_are_one_error(engine: FakeEngine) -> None:
    faults = [{"what": "A.", "why": "a", "fix": "do a"}, {"what": "B.", "why": None, "fix": None}]
    (engine.root / "made" / "peek.json").write_text(json.dumps({"faults": faults}))
    with pytest.raises(RecipeError, match="A") as told:
        said()
    assert "B." in str(told.value.why)


def test_rows_on_a_hub_are_nowhere(engine: FakeEngine) -> None:
    with pytest.raises(RecipeError, match="on a hub") as told:
        said("--set", "data.sources=[{dataset: some/rows}]", "--set", "data.split=null")
    assert "--rehearse" in str(told.value.fix)


def test_no_tokenizer_names_the_command_that_fetches_it(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(_model: object, *, weights: bool) -> None:
        raise RecipeError("There is no network.", fix="try later")

    monkeypatch.setattr(trial, "fetch_model", nothing)
    with pytest.raises(RecipeError, match="no network") as told:
        said()
    assert "peek small.yaml fetches the tokenizer alone" in str(told.value.fix)
    assert "--rehearse" in str(told.value.fix)


def test_an_engine_that_is_not_installed(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "find", lambda _release, *, python: None)
    with pytest.raises(RecipeError, match="not installed") as told:
        said()
    assert "recipe env install" in str(told.value.fix)


def test_an_engine_without_it_says_so(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        name = "blind"

    monkeypatch.setattr(peeking, "get", lambda _name: Blind())
    with pytest.raises(UsageError, match="blind cannot be peeked at") as told:
        said()
    assert "engines that can" in str(told.value.fix)


class Templated(Bytes):
    """What a release before transformers 4.35 has: no word for the answer's beginning."""

    chat_template = "…"

    def apply_chat_template(self, messages: list[dict[str, str]], *, tokenize: bool) -> list[int]:
        if messages[0]["role"] == "system":
            raise ValueError("System role not supported")
        return list(messages[-1]["content"].encode())


def test_the_tokenizers_own_prompt_or_why_there_is_none() -> None:
    assert token_view.own_prompt(Templated(), None, "hi")["texts"] == ["h", "i"]
    told = token_view.own_prompt(Templated(), "Be kind.", "hi")["absent"]
    assert told == "ValueError: System role not supported"
    assert token_view.own_prompt(Bytes(), None, "hi")["absent"] == "none"
