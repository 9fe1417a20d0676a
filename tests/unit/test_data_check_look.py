"""`check` finds what is wrong or odd; `look` says what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from data_support import conversation, put_json, put_lines, row
from hypothesis import given
from hypothesis import strategies as st

from data_tools import DataError, check, look
from data_tools.cli.look_text import lines
from data_tools.operations.looking import Lengths, language, token_counter


def said(*roles: str) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": "x"} for role in roles]}


ODD = [
    (conversation(("", "a")) | {"note": 1}, "a field that no engine reads: 'note'"),
    (said("user", "user", "assistant"), "two user messages in a row"),
    (said("user", "assistant", "user"), "a last question without an answer"),
    (said("user"), "a row without an answer"),
    (said("assistant", "user", "assistant"), "does not begin with the user"),
    (said("user", "assistant", "system", "user", "assistant"), "not at the beginning"),
    ({**conversation(("q", "a")), "note": 1}, "a field that no engine reads: 'note'"),
    (conversation(("q" * 50, "a")), "longer than 40 characters"),
]


@pytest.mark.parametrize(("raw", "warning"), ODD)
def test_what_is_odd_is_warned_about_with_its_place(
    tmp_path: Path, raw: dict[str, Any], warning: str
) -> None:
    report = check(put_lines(tmp_path / "a.jsonl", [said("user", "assistant"), raw]), max_chars=40)
    assert report.ok
    (found,) = [what for what in report.warnings if warning in what]
    assert report.places[found] == [f"{tmp_path / 'a.jsonl'}:2"]


def test_good_rows_have_no_warnings_and_pretraining_rows_none_either(tmp_path: Path) -> None:
    raws = [conversation(("q", "a"), ("b", "c"), system="s"), conversation(("", "long text"))]
    report = check(put_lines(tmp_path / "a.jsonl", raws))
    assert (report.ok, report.warnings) == (True, {})


def test_repeated_questions_name_the_first(tmp_path: Path) -> None:
    raws = [conversation(("Same?", "a")), conversation((" same? ", "b"))]
    report = check(put_lines(tmp_path / "a.jsonl", raws))
    places = report.places["a question that came before"]
    assert places == [f"{tmp_path / 'a.jsonl'}:2 (first {tmp_path / 'a.jsonl'}:1)"]


def test_faults_make_the_check_fail(tmp_path: Path) -> None:
    report = check(put_lines(tmp_path / "a.jsonl", [conversation(("q", "a")), {"x": 1}]))
    assert not report.ok
    assert report.to_dict()["faults"] == {"no known format has these keys: x": 1}
    assert not check(put_json(tmp_path / "b.json", [])).ok


# look


def test_look_counts_rows_turns_languages_and_duplicates(tmp_path: Path) -> None:
    raws = [
        conversation(("你好吗", "我很好，谢谢"), ("再见", "再见"), system="温柔"),
        conversation(("Who are you", "An assistant, of course")),
        conversation(("Who are you", "An assistant, of course")),
        conversation(("who  are you", "somebody")),
    ]
    found = look(put_lines(tmp_path / "a.jsonl", [*raws, {"x": 1}]))
    shown = found.to_dict()
    assert (found.rows, shown["rejected"]) == (4, 1)
    assert shown["turns"] == {"1": 3, "2": 1}
    assert shown["languages"] == {"zh": 1, "en": 3}
    assert (shown["duplicate_rows"], shown["duplicate_requests"]) == (1, 2)
    assert shown["with_system"] == 1
    assert shown["chars"]["max"] == len("Who are you" + "An assistant, of course")
    assert len(found.samples) == 3
    assert json.loads(json.dumps(shown, ensure_ascii=False)) == shown


def test_the_report_has_samples_and_a_histogram(tmp_path: Path) -> None:
    raws = [conversation((f"问{i}", "答" * i)) for i in range(1, 60)]
    text = "\n".join(lines(look(put_lines(tmp_path / "a.jsonl", raws))))
    assert "59 usable, 0 not" in text
    counts = [int(n) for n in re.findall(r"^ +\d+-\d+ +(\d+) █", text, re.MULTILINE)]
    assert sum(counts) == 59
    assert text.count("sample ") == 3


def test_samples_are_the_same_each_time(tmp_path: Path) -> None:
    path = put_lines(tmp_path / "a.jsonl", [conversation((f"q{i}", "a")) for i in range(50)])
    assert look(path, seed=1).samples == look(path, seed=1).samples
    assert look(path, seed=1).samples != look(path, seed=2).samples


@given(st.lists(st.integers(0, 500), min_size=1))
def test_quantiles_and_histograms_count_every_row(sizes: list[int]) -> None:
    lengths = Lengths()
    for size in sizes:
        lengths.add(size)
    ordered = sorted(sizes)
    assert lengths.quantile(0.5) == ordered[(len(ordered) - 1) // 2]
    assert lengths.to_dict()["max"] == ordered[-1]
    bins = lengths.histogram()
    assert sum(count for _, _, count in bins) == len(sizes)
    for start, end, count in bins:
        assert count == sum(start <= size <= end for size in sizes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("你好，世界", "zh"),
        ("Hello, world", "en"),
        ("我用 Python 写代码", "mixed"),
        ("こんにちは世界", "ja"),
        ("안녕하세요", "ko"),
        ("Привет", "ru"),
        ("12345 !?", "other"),
        ("Ünïcode café", "en"),
    ],
)
def test_languages(text: str, expected: str) -> None:
    assert language(text) == expected


def test_tokens_need_a_tokenizer_and_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"no tokenizer\.json"):
        token_counter(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(DataError, match="pip install tokenizers"):
        token_counter(tmp_path)


def test_tokens_are_counted_with_the_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package's place is taken by one that counts words, as its interface has it."""
    import types

    class Encoding:
        def __init__(self, text: str) -> None:
            self.ids = text.split()

    class Tokenizer:
        @staticmethod
        def from_file(path: str) -> Tokenizer:
            assert path.endswith("tokenizer.json")
            return Tokenizer()

        def encode(self, text: str, add_special_tokens: bool) -> Encoding:
            assert not add_special_tokens
            return Encoding(text)

    module = types.ModuleType("tokenizers")
    module.Tokenizer = Tokenizer  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", module)
    (tmp_path / "tokenizer.json").write_text("{}")
    path = put_lines(tmp_path / "a.jsonl", [conversation(("one two", "three"))])
    found = look(path, tokenizer=tmp_path).to_dict()
    assert found["tokens"]["total"] == 3


def test_rows_in_memory_have_a_place() -> None:
    assert row(("a", "b"), at=7).where == "a.json:7"
