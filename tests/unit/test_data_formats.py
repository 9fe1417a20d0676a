"""Every format is recognised, read, written and converted without losing anything in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from data_support import conversation, lines_of, plain_rows, put_lines, row, tool_rows
from hypothesis import given, settings

from data_tools import DataError, convert, read, write
from data_tools.account import Account
from data_tools.errors import Reject
from data_tools.formats import FORMATS, by_name, recognise
from data_tools.formats.emitting import Emitter
from data_tools.rows import Row

SAMPLES: dict[str, dict[str, Any]] = {
    "conversation": conversation(("问", "答"), ("more", "yes"), system="be kind"),
    "alpaca": {
        "instruction": "Translate",
        "input": "你好",
        "output": "hello",
        "system": "be kind",
        "history": [["a", "b"]],
    },
    "sharegpt": {
        "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}],
        "system": "be kind",
    },
    "messages": {
        "messages": [
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "hello"},
        ]
    },
    "chatglm3": {
        "tools": ["a clock"],
        "conversations": [
            {"role": "user", "content": "time?"},
            {"role": "assistant", "content": "I look.", "loss": False},
            {
                "role": "tool",
                "name": "clock",
                "parameters": {"zone": "UTC"},
                "observation": {"h": 5},
            },
            {"role": "assistant", "content": "Five."},
        ],
    },
    "prompt-response": {"prompt": "hi", "response": "hello"},
    "xcomposer": {
        "id": "0",
        "image": ["a.jpg", "b.jpg"],
        "conversations": [
            {"from": "user", "value": "<ImageHere> <ImageHere>Which is older?"},
            {"from": "assistant", "value": "The first."},
        ],
    },
    "text": {"text": "Once upon a time"},
}


def parsed(name: str, raw: dict[str, Any]) -> Row:
    from data_tools.rows import Source

    return Row(by_name(name).parse(raw), source=Source("x.json", format=name), at=1)


def emitted(name: str, value: Row, drop: tuple[str, ...] = ()) -> dict[str, Any]:
    return Emitter(name, drop, Account()).emit(value)


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_recognised_by_its_keys(name: str) -> None:
    found = recognise(SAMPLES[name])
    assert found is not None
    assert name == found.NAME


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_read_is_written_back_as_it_was(name: str) -> None:
    assert emitted(name, parsed(name, SAMPLES[name])) == SAMPLES[name]


@pytest.mark.parametrize("name", FORMATS)
def test_key_order_is_that_of_the_format(name: str) -> None:
    written = emitted(name, parsed(name, SAMPLES[name]))
    assert list(written) == list(SAMPLES[name])


def test_conversation_keys_stand_in_the_order_system_input_output() -> None:
    turn = emitted("conversation", row(("q", "a"), system="s"))["conversation"][0]
    assert list(turn) == ["system", "input", "output"]
    assert "system" not in emitted("conversation", row(("q", "a")))["conversation"][0]


MULTI = ("conversation", "alpaca", "sharegpt", "messages", "chatglm3")


@given(plain_rows())
@pytest.mark.parametrize("name", MULTI)
def test_plain_conversations_survive_every_multi_turn_format(name: str, value: Row) -> None:
    back = parsed(name, emitted(name, value))
    expected = value["messages"]
    if name == "sharegpt" and expected[0] == {"role": "system", "content": ""}:
        expected = expected[1:]  # an empty system text is none, as LLaMA-Factory reads it
    assert back["messages"] == expected


@given(plain_rows())
@settings(max_examples=20)  # of each of 25 pairs
@pytest.mark.parametrize("first", MULTI)
@pytest.mark.parametrize("second", MULTI)
def test_converting_twice_gives_the_same_as_once(first: str, second: str, value: Row) -> None:
    if value.system == "":
        value["messages"] = value["messages"][1:]
    through = parsed(first, emitted(first, value))
    assert (
        emitted(second, through).items()
        >= {k: v for k, v in emitted(second, value).items() if k != "history"}.items()
    )


@given(tool_rows())
@pytest.mark.parametrize("name", ["chatglm3", "messages", "sharegpt"])
def test_tool_calls_survive_the_formats_that_hold_them(name: str, value: Row) -> None:
    back = parsed(name, emitted(name, value))
    without_ids = [{k: v for k, v in m.items() if k != "id"} for m in back["messages"]]
    assert without_ids == value["messages"]
    assert back["tools"] == value["tools"]


@given(plain_rows(), plain_rows())
def test_loss_flags_survive_conversation_messages_and_chatglm3(value: Row, other: Row) -> None:
    value["messages"][-1]["loss"] = False
    for name in ("conversation", "messages", "chatglm3"):
        assert parsed(name, emitted(name, value))["messages"][-1]["loss"] is False
    del other


LOSSES = [
    ("chatglm3", "alpaca", "tools"),
    ("chatglm3", "conversation", "tools"),
    ("chatglm3", "prompt-response", "tools"),
    ("chatglm3", "text", "tools"),
    ("chatglm3", "sharegpt", "loss"),
    ("xcomposer", "conversation", "images"),
    ("xcomposer", "chatglm3", "images"),
    ("xcomposer", "text", "images"),
    ("conversation", "prompt-response", "turns"),
    ("sharegpt", "prompt-response", "system"),
    ("messages", "xcomposer", "system"),
]


@pytest.mark.parametrize(("source", "target", "feature"), LOSSES)
def test_what_would_be_lost_is_refused_or_dropped_and_counted(
    tmp_path: Path, source: str, target: str, feature: str
) -> None:
    src = put_lines(tmp_path / "in.jsonl", [SAMPLES[source]] * 3)
    out = tmp_path / "out.jsonl"
    out.write_text("earlier\n")
    with pytest.raises(DataError, match="would lose") as caught:
        convert(src, out, to=target)
    assert "in.jsonl:1" in caught.value.where
    assert "--drop" in caught.value.fix
    assert out.read_text() == "earlier\n"
    account = convert(src, out, to=target, drop=["all"])
    assert account.dropped[feature] == 3
    assert len(lines_of(out)) == 3


def test_only_what_is_allowed_may_be_dropped(tmp_path: Path) -> None:
    src = put_lines(tmp_path / "in.jsonl", [SAMPLES["chatglm3"]])
    with pytest.raises(DataError, match="cannot hold loss\n") as caught:
        convert(src, tmp_path / "out.jsonl", to="alpaca", drop=["tools"])
    assert caught.value.fix.endswith("--drop loss")
    account = convert(src, tmp_path / "out.jsonl", to="alpaca", drop=["tools", "loss"])
    assert account.dropped == {"tools": 1, "loss": 1}
    expected = {"instruction": "time?", "input": "", "output": "I look.\nFive.", "history": []}
    assert lines_of(tmp_path / "out.jsonl") == [expected]


def test_dropping_turns_keeps_the_first(tmp_path: Path) -> None:
    src = put_lines(tmp_path / "in.jsonl", [conversation(("a", "b"), ("c", "d"))])
    convert(src, tmp_path / "o.jsonl", to="prompt-response", drop=["turns"])
    assert lines_of(tmp_path / "o.jsonl") == [{"prompt": "a", "response": "b"}]


def test_images_go_to_messages_and_sharegpt_with_their_marks() -> None:
    value = parsed("xcomposer", SAMPLES["xcomposer"])
    said = emitted("messages", value)
    assert said["messages"][0]["content"] == "<image> <image>Which is older?"
    assert said["images"] == ["a.jpg", "b.jpg"]
    shared = emitted("sharegpt", value)
    assert shared["images"] == ["a.jpg", "b.jpg"]
    assert shared["conversations"][0]["value"] == "<image> <image>Which is older?"
    assert parsed("messages", emitted("messages", value))["images"] == ["a.jpg", "b.jpg"]
    assert emitted("xcomposer", parsed("sharegpt", shared))["image"] == ["a.jpg", "b.jpg"]


def test_openai_tool_calls_become_chatglm3_tool_turns() -> None:
    call = {"id": "c9", "type": "function", "function": {"name": "clock", "arguments": '{"z": 1}'}}
    raw = {
        "messages": [
            {"role": "user", "content": "time?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c9", "content": "5"},
            {"role": "assistant", "content": "Five."},
        ],
        "tools": [{"type": "function", "function": {"name": "clock"}}],
    }
    turns = emitted("chatglm3", parsed("messages", raw))["conversations"]
    tool = {"role": "tool", "name": "clock", "parameters": {"z": 1}, "observation": "5"}
    assert turns[1] == tool
    assert emitted("messages", parsed("messages", raw)) == raw


def test_parallel_calls_find_their_own_answers() -> None:
    def call(number: int) -> dict[str, Any]:
        function = {"name": f"f{number}", "arguments": "{}"}
        return {"id": str(number), "type": "function", "function": function}

    raw = {
        "messages": [
            {"role": "user", "content": "both?"},
            {"role": "assistant", "content": None, "tool_calls": [call(1), call(2)]},
            {"role": "tool", "tool_call_id": "2", "content": "two"},
            {"role": "tool", "tool_call_id": "1", "content": "one"},
            {"role": "assistant", "content": "done"},
        ]
    }
    turns = emitted("chatglm3", parsed("messages", raw))["conversations"]
    assert [(t["name"], t["observation"]) for t in turns[1:3]] == [("f1", "one"), ("f2", "two")]


BAD = [
    ({"conversation": []}, "conversation is empty", ""),
    ({"conversation": None}, "conversation is null", ""),
    ({"conversation": "hi"}, "conversation is text, not a list", ""),
    ({"conversation": [{"input": "a"}]}, "output is empty", "turn 1"),
    ({"conversation": [{"input": "a", "output": 5}]}, "output is a number, not text", "turn 1"),
    ({"conversation": ["a"]}, "conversation holds text where an object belongs", "turn 1"),
    ({"instruction": "a", "output": None}, "output is empty", ""),
    ({"instruction": "a", "output": "b", "history": "c"}, "history is text, not a list", ""),
    (
        {"instruction": "a", "output": "b", "history": [["c"]]},
        "history holds something else than [question, answer]",
        "turn 1 of history",
    ),
    ({"messages": [{"role": "king", "content": "a"}]}, "unknown role 'king'", "message 1"),
    ({"conversations": [{"from": "x", "value": "a"}]}, "unknown speaker 'x'", "turn 1"),
    ({"conversations": [{"role": "tool", "name": "f"}]}, "a tool turn has no parameters", "turn 1"),
    (
        {"image": ["a", "b"], "conversations": [{"from": "user", "value": "<ImageHere>"}]},
        "the number of <ImageHere> marks is not the number of images",
        "",
    ),
    ({"prompt": 1, "response": "a"}, "prompt is a number, not text", ""),
    ({"text": None}, "text is empty", ""),
]


@pytest.mark.parametrize(("raw", "reason", "spot"), BAD)
def test_a_bad_row_is_rejected_with_reason_and_place(
    raw: dict[str, Any], reason: str, spot: str
) -> None:
    fmt = recognise(raw)
    assert fmt is not None
    with pytest.raises(Reject) as caught:
        fmt.parse(raw)
    assert caught.value.reason.startswith(reason)
    assert caught.value.spot == spot


def test_an_unknown_format_name_gets_a_suggestion() -> None:
    with pytest.raises(DataError, match="did you mean alpaca"):
        by_name("alpacca")
    assert by_name("OpenAI").NAME == "messages"


def test_rows_of_several_formats_in_one_file_are_each_read(tmp_path: Path) -> None:
    src = put_lines(tmp_path / "in.jsonl", list(SAMPLES.values()))
    assert [value.source.format for value in read(src)] == list(SAMPLES)


def test_fields_that_no_format_knows_stay_or_are_counted(tmp_path: Path) -> None:
    rich = {**SAMPLES["alpaca"], "domain": ["x"], "score": 5}
    src = put_lines(tmp_path / "in.jsonl", [rich])
    for name in FORMATS:
        account = convert(src, tmp_path / "a.jsonl", to=name, drop=["system", "turns"])
        (written,) = lines_of(tmp_path / "a.jsonl")
        assert (written["domain"], written["score"]) == (["x"], 5), name
        assert not set(account.dropped) - {"system", "turns"}
    account = convert(src, tmp_path / "b.jsonl", to="conversation", drop=["domain"])
    assert account.dropped == {"domain": 1}
    assert "domain" not in lines_of(tmp_path / "b.jsonl")[0]


def test_write_takes_plain_objects_of_any_format(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    assert write([SAMPLES["alpaca"], SAMPLES["prompt-response"]], out) == 2
    assert lines_of(out)[1] == conversation(("hi", "hello"))


def test_system_for_all_rows_replaces_what_the_file_has(tmp_path: Path) -> None:
    src = put_lines(tmp_path / "in.jsonl", [SAMPLES["conversation"], SAMPLES["prompt-response"]])
    assert [value.system for value in read(src, system="new")] == ["new", "new"]


@settings(max_examples=30)
@given(plain_rows())
def test_two_questions_in_a_row_are_rejected_by_pair_formats(value: Row) -> None:
    value["messages"].insert(-1, {"role": "user", "content": "again"})
    with pytest.raises(Reject, match="two user messages"):
        emitted("alpaca", value)
    assert emitted("messages", value)["messages"][-2]["content"] == "again"
