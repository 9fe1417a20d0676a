"""Cleaning, roles and duplicates."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from data_support import conversation, lines_of, put_json, put_lines, row
from hypothesis import given, settings
from hypothesis import strategies as st

from data_tools import Account, DataError, apply_steps, clean, convert, dedupe, roleplay
from data_tools.operations.cleaning import PERSONA, WHALE, drop_intro
from data_tools.rows import Row


def cleaned(*answers: str, **options: Any) -> list[str]:
    rows = [row((f"q{i}", answer), at=i + 1) for i, answer in enumerate(answers)]
    return [r.turns[0][1] for r in clean(rows, **options)]


EMOLLM: dict[str, Any] = {"emoji": [WHALE], "intro": PERSONA}


def expected_of_the_tutorial(answer: str) -> str:
    """The EmoLLM page's two rules, stated again: whales go; a text that introduces itself is
    stripped and loses its first line when there are more."""
    text = "".join(char for char in answer if char != "🐳")
    if "好，我是" not in text:
        return text
    first, newline, rest = text.strip().partition("\n")
    return rest.strip() if newline and first else text.strip()


ANSWERS = [
    "你好，我是红烧肉，很高兴认识你。\n先说说你的感受吧。🐳",
    "您好，我是一名咨询师。",
    "  好，我是小艾\n\n第二行\n第三行  ",
    "没有自我介绍🐳🐳，\n所以两行都留下。 ",
    "第一行\n后来才说：好，我是谁？\n",
    "plain",
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_emollm_rules(answer: str) -> None:
    assert cleaned(answer, **EMOLLM) == [expected_of_the_tutorial(answer)]


@given(st.text(st.sampled_from("好，我是🐳\n a"), min_size=1, max_size=25))
def test_the_emollm_rules_on_any_text(answer: str) -> None:
    expected = expected_of_the_tutorial(answer)
    assert cleaned(answer, **EMOLLM) == (
        [expected] if expected.strip() or expected == answer else []
    )


def test_the_single_turn_tutorial_in_one_call(tmp_path: Path) -> None:
    """prompt/completion → alpaca with a system text, cleaned, as the EmoLLM page does it."""
    raws = [{"prompt": f"问 {i}", "completion": answer} for i, answer in enumerate(ANSWERS)]
    src = put_json(tmp_path / "single.json", raws)
    out = tmp_path / "alpaca.json"
    account = convert(src, out, to="alpaca", system="你是", steps={"clean": EMOLLM}, indent=4)
    import json

    assert json.loads(out.read_text()) == [
        {
            "instruction": f"问 {i}",
            "input": "",
            "output": expected_of_the_tutorial(answer),
            "system": "你是",
        }
        for i, answer in enumerate(ANSWERS)
    ]
    assert account.notes["rows with a text changed by cleaning"] == 4


def test_only_answers_lose_emoji_and_introductions() -> None:
    (found,) = clean([row(("好，我是谁？🐳\nx", "a🐳"))], **EMOLLM)
    assert found.turns == [("好，我是谁？🐳\nx", "a")]


def test_an_introduction_of_one_line_stays() -> None:
    assert drop_intro(" 你好，我是小艾 ") == "你好，我是小艾"
    assert drop_intro("no mark \n x ") == "no mark \n x "


def test_replace_strip_and_normalise_touch_every_text() -> None:
    value = row((" ｑ１ ", "see http://x.y ok "), system=" ｓ ")
    (found,) = clean([value], replace=[(r"https?://\S+", "<url>")], normalize="nfkc", strip=True)
    assert (found.system, found.turns) == ("s", [("q1", "see <url> ok")])
    assert value.turns == [(" ｑ１ ", "see http://x.y ok ")]


@given(st.text(min_size=1, max_size=20))
def test_normalisation_is_unicodes(text: str) -> None:
    expected = unicodedata.normalize("NFC", text)
    assert cleaned(text, normalize="NFC") == [expected]


def test_replacement_groups_and_alpaca_input_survive(tmp_path: Path) -> None:
    raw = {"instruction": "Translate", "input": "a-b", "output": "c-d"}
    src = put_lines(tmp_path / "a.jsonl", [raw])
    steps = {"clean": {"replace": {r"(\w)-(\w)": r"\2-\1"}}}
    convert(src, tmp_path / "o.jsonl", to="alpaca", steps=steps)
    expected = {"instruction": "Translate\nb-a", "input": "", "output": "d-c"}
    assert lines_of(tmp_path / "o.jsonl") == [expected]
    convert(src, tmp_path / "o.jsonl", to="alpaca", steps={"clean": {"replace": {"c": "e"}}})
    assert lines_of(tmp_path / "o.jsonl") == [{**raw, "output": "e-d"}]


LIMITS = [
    ({"min_chars": 5}, [5, 9]),
    ({"max_chars": 5}, [3, 5]),
    ({"min_answer": 4}, [5, 9]),
    ({"max_answer": 4}, [3, 5]),
    ({"max_turns": 0}, []),
]


@pytest.mark.parametrize(("limits", "left"), LIMITS)
def test_length_limits_reject_with_a_reason(limits: dict[str, int], left: list[int]) -> None:
    rows = [row(("q", "a" * (size - 1)), system="long " * 9) for size in (3, 5, 9)]
    account = Account(read=3)
    kept = list(clean(rows, account=account, **limits))
    sizes = [1 + len(r.turns[0][1]) for r in kept]
    assert sizes == left
    account.written = len(kept)
    account.check()
    assert account.faults == 0
    assert sum(account.rejects.values()) == 3 - len(left)


def test_a_text_of_which_nothing_is_left_is_rejected() -> None:
    account = Account()
    assert list(clean([row(("q", "🐳"))], account=account, **EMOLLM)) == []
    assert account.rejects == {"nothing is left of a text after cleaning": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replace": [("(", "x")]}, "not a regular expression"),
        ({"replace": [("a", r"\2")]}, "not a regular expression"),
        ({"normalize": "NFX"}, "no normal form"),
        ({"emoji": [""]}, "empty text"),
        ({"intro": ""}, "introduction is empty"),
        ({"dedupe": "fuzzy"}, "no 'fuzzy' duplicates"),
        ({"dedupe": "near", "near": 0.0}, "between 0 and 1"),
    ],
)
def test_rules_that_make_no_sense_are_refused_at_once(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        clean([], **options)


# duplicates


def test_exact_duplicates_keep_the_first_and_name_it() -> None:
    rows = [row(("a", "b"), at=1), row(("a", "c"), at=2), row(("a", "b"), at=3)]
    account = Account()
    assert [r.at for r in dedupe(rows, account=account)] == [1, 2]
    assert "of a.json:1" in account.examples[0]
    assert [r.at for r in dedupe(rows, by="request")] == [1]
    assert len(list(dedupe([row(("a", "b")), row(("a", "b"), system="s")]))) == 2


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=30))
def test_exact_removal_keeps_each_row_once_in_order(pairs: list[tuple[int, int]]) -> None:
    rows = [row((f"q{q}", f"a{a}"), at=i) for i, (q, a) in enumerate(pairs, 1)]
    kept = [r.turns[0] for r in dedupe(rows)]
    assert kept == [r.turns[0] for r in rows if r.at == 1 + pairs.index(pairs[r.at - 1])]


STORY = "从前有一座山，山上有一座庙，庙里有一个老和尚在给小和尚讲故事。讲的是什么故事呢？" * 4
OTHER = "今天的天气非常好，我们一起去公园散步，看见了许多美丽的花，还遇到了一位多年不见的老朋友。"


def test_near_duplicates_are_found_and_others_stay() -> None:
    rows = [
        row(("讲个故事", STORY), system="老师", at=1),
        row(("讲个故事！", STORY + "完。"), system="老师", at=2),
        row(("说说天气", OTHER), system="老师", at=3),
        row(("", "12"), at=4),
        row(("", "34"), at=5),
    ]
    account = Account()
    assert [r.at for r in dedupe(rows, by="near", near=0.8, account=account)] == [1, 3, 4, 5]
    assert account.rejects == {"a near-duplicate": 1}
    assert re.search(r"a\.json:1 \(similarity 0\.\d\d\)", account.examples[0])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("what color is phenytoin", "WHITE"), ("what color is phenytoin", "PINK")),
        (("你有名字吗？", OTHER), ("你是谁？", OTHER)),
        (("谁训练了你？", STORY), ("谁制作了你？", STORY)),
        (("what is it", STORY + "长 8mm，码 4853"), ("what is it", STORY + "长 11mm，码 4853")),
        ((STORY + "他有 5 个苹果，几个？", "5"), (STORY + "他有 6 个苹果，几个？", "6")),
        (("把这句话译成英文：" + STORY, "A fox"), ("把这句话译成法文：" + STORY, "Un renard")),
    ],
)
def test_rows_that_ask_or_answer_something_else_are_no_near_duplicates(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert len(list(dedupe([row(one, at=1), row(other, at=2)], by="near"))) == 2


def test_rows_with_other_pictures_or_calls_are_no_near_duplicates() -> None:
    ask = {"role": "user", "content": STORY}
    pictures = [Row(messages=row((STORY, OTHER)).messages, images=[name]) for name in "ab"]
    calls = [
        Row(messages=[ask, {"role": "call", "name": "add", "arguments": {"to": place}}])
        for place in ("Beijing", "Shanghai")
    ]
    assert len(list(dedupe([*pictures, *calls], by="near"))) == 4


def test_a_shared_system_text_makes_no_duplicates() -> None:
    rows = [row((f"{i}" * 9, f"{i + 5}" * 9), system=STORY * 5, at=i) for i in range(1, 5)]
    assert len(list(dedupe(rows, by="near"))) == 4


@given(st.lists(st.text("ab 。", min_size=1, max_size=30), max_size=15))
def test_near_removal_keeps_the_first_and_is_the_same_each_time(texts: list[str]) -> None:
    rows = [row((f"q{i % 3}", text), at=i + 1) for i, text in enumerate(texts)]
    kept = [r.at for r in dedupe(rows, by="near")]
    assert kept == [r.at for r in dedupe(rows, by="near")]
    assert kept[:1] == [1][: len(texts)]


# roles


def test_each_source_gets_its_own_system_text() -> None:
    rows = [
        row(("q", "a"), file="d/aiwei.json", system="old"),
        row(("q", "a"), file="d/b.jsonl.gz"),
    ]
    found = roleplay(rows, {"aiwei.json": "温柔御姐", "b": "医生"})
    assert [r.system for r in found] == ["温柔御姐", "医生"]
    by_pattern = roleplay(rows, {"*.json": "x"}, default="y")
    assert [r.system for r in by_pattern] == ["x", "y"]
    assert [r.system for r in rows] == ["old", None]


def test_a_source_without_a_role_keeps_its_text_and_is_noted() -> None:
    account = Account()
    rows = [row(("q", "a"), file="a.json", system="old"), row(("q", "a"), file="b.json")]
    assert [r.system for r in roleplay(rows, {"b": "new"}, account=account)] == ["old", "new"]
    assert account.notes == {"a.json has no role of its own: system text left as it was": 1}


def test_a_role_for_no_source_is_an_error() -> None:
    with pytest.raises(DataError, match=r"did you mean aiwei\.json"):
        list(roleplay([row(("q", "a"), file="aiwei.json")], {"aiwie.json": "x"}, default="y"))


# steps of a recipe


def test_steps_run_in_their_order_and_account_for_all() -> None:
    rows = [row((f"q{i % 4}", "好🐳"), at=i + 1) for i in range(8)]
    account = Account(read=8)
    steps = {
        "clean": {"emoji": "🐳"},
        "roleplay": {"a.json": "s"},
        "dedupe": "exact",
    }
    found = list(apply_steps(rows, steps, account=account))
    assert [(r.system, r.turns[0][1]) for r in found] == [("s", "好")] * 4
    account.written = 4
    account.check()
    assert account.rejects == {"an exact duplicate": 4}


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ({"claen": {}}, "did you mean clean"),
        ({"clean": {"emojis": "x"}}, "did you mean emoji"),
        ({"clean": "x"}, "clean needs options"),
        ({"roleplay": "x"}, "file: system text"),
        ({"require": "answers"}, "require: rejected, kto_tag"),
        ({"dedupe": {"kind": "x"}}, "dedupe has no option 'kind'"),
    ],
)
def test_wrong_steps_are_refused(steps: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        apply_steps([], steps)


def test_steps_over_files_keep_the_account(tmp_path: Path) -> None:
    raws = [conversation((f"q{i % 3}", "a")) for i in range(9)]
    src = put_lines(tmp_path / "a.jsonl", raws)
    account = convert(src, tmp_path / "o.jsonl", to="same", steps={"dedupe": "request"})
    assert lines_of(tmp_path / "o.jsonl") == raws[:3]
    assert (account.read, account.written, account.rejected, account.faults) == (9, 3, 6, 0)
    assert len(lines_of(tmp_path / "o.jsonl.rejected.jsonl")) == 6


def test_media_paths_are_found_beside_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "1.jpg").write_bytes(b"x")
    raw = {
        "instruction": "<image><image><video>",
        "output": "a",
        "images": ["pictures/1.jpg", "elsewhere/2.jpg"],
        "videos": [["pictures/1.jpg"]],
    }
    src = put_lines(tmp_path / "a.jsonl", [raw, conversation(("q", "a"))])
    convert(src, tmp_path / "o.jsonl", to="alpaca", steps={"media": tmp_path})
    found = str((tmp_path / "pictures" / "1.jpg").resolve())
    row = lines_of(tmp_path / "o.jsonl")[0]
    assert row["images"] == [found, "elsewhere/2.jpg"]
    assert row["videos"] == [[found]]
