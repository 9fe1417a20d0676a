"""Which word was meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_tools.nearest import did_you_mean, nearest
from orchestrator.base.errors import UsageError
from orchestrator.recipe.find import find


def test_case_and_dashes_do_not_matter() -> None:
    assert nearest("MedQA_Qlora", ["medqa-qlora", "emollm"]) == "medqa-qlora"


def test_nothing_near_is_nothing() -> None:
    assert nearest("xyz", ["medqa-qlora"]) == ""
    assert did_you_mean("xyz", ["medqa"], otherwise="there is medqa") == "there is medqa"


def test_the_question_names_the_best_first() -> None:
    assert did_you_mean("v1.0.4", ["v2", "v1.0.3"]) == "did you mean v1.0.3?"
    assert did_you_mean("run", ["runs", "rung"]).startswith("did you mean run")


def test_a_known_word_is_itself() -> None:
    assert nearest("epochs", ["epoch", "epochs"]) == "epochs"


def test_what_is_no_file_is_not_proposed_again(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.yaml")
    with pytest.raises(UsageError) as caught:
        find(str(tmp_path / "fifo.yaml"))
    assert "did you mean" not in str(caught.value)


@given(st.text(max_size=8), st.lists(st.text(max_size=8)))
def test_only_known_words_are_meant(word: str, known: list[str]) -> None:
    meant = nearest(word, known)
    assert meant == "" or meant in known
