"""No field vanishes: every field of every format is carried, refused, or dropped by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_support import JSON, lines_of, put_json, put_lines
from hypothesis import given, settings
from hypothesis import strategies as st

from data_tools import Account, DataError, Lossy, Reject, convert, read
from data_tools.formats import FORMATS, by_name, recognise
from data_tools.formats.emitting import Emitter
from data_tools.rows import DEPTH, Row, Source, unfit


def calls(token: str) -> list[dict[str, Any]]:
    function = {"name": f"{token} name", "arguments": json.dumps({"a": f"{token} argument"})}
    return [{"id": "c1", "type": "function", "function": function}]


Field = tuple[tuple[str | int, ...], Any]
QUESTION, ANSWER = {"role": "user"}, {"role": "assistant"}
TOP: list[Field] = [
    (("id",), "id token"),
    (("note",), "note token"),
    (("score",), {"deep": ["score token"]}),
]
MEDIA: list[Field] = [
    (("images",), ["image token.jpg"]),
    (("videos",), ["video token.mp4"]),
    (("audios",), ["audio token.mp3"]),
]
TOOLS: list[Field] = [(("tools",), '["tools token"]')]
PLAIN: dict[str, tuple[dict[str, Any], list[Field]]] = {
    "alpaca": (
        {"instruction": "asked token", "input": "more token", "output": "answer token"},
        [
            *TOP,
            *MEDIA,
            *TOOLS,
            (("system",), "system token"),
            (("history",), [["before token", "earlier token"]]),
            (("kto_tag",), True),
        ],
    ),
    "conversation": (
        {"conversation": [{"input": "asked token", "output": "answer token"}]},
        [
            *TOP,
            (("system",), "system token"),
            (("conversation", 0, "system"), "turn system token"),
            (("conversation", 0, "output_with_loss"), False),
            (("conversation", 0, "sep"), "sep token"),
            (("conversation", 0, "odd"), ["odd token"]),
        ],
    ),
    "messages": (
        {
            "messages": [
                {"role": "system", "content": "system token"},
                {"role": "user", "content": "asked token"},
                {"role": "assistant", "content": "thought token"},
                {"role": "tool", "content": "seen token"},
                {"role": "assistant", "content": "answer token"},
            ]
        },
        [
            *TOP,
            *MEDIA,
            *TOOLS,
            (("messages", 0, "odd"), "odd0 token"),
            (("messages", 1, "name"), "name token"),
            (("messages", 1, "odd"), "odd1 token"),
            (("messages", 2, "tool_calls"), calls("call token")),
            (("messages", 2, "reasoning_content"), "reasoning token"),
            (("messages", 3, "tool_call_id"), "c1"),
            (("messages", 3, "name"), "tool name token"),
            (("messages", 4, "reasoning_content"), "reasoning2 token"),
            (("messages", 4, "weight"), 0.25),
            (("messages", 4, "odd"), {"x": "odd4 token"}),
            (("label",), "label token"),
            (("rejected_response",), "rejected token"),
        ],
    ),
    "sharegpt": (
        {
            "conversations": [
                {"from": "human", "value": "asked token"},
                {"from": "function_call", "value": '{"name": "call token", "arguments": {}}'},
                {"from": "observation", "value": "seen token"},
                {"from": "gpt", "value": "answer token"},
            ]
        },
        [
            *TOP,
            *MEDIA,
            *TOOLS,
            (("system",), "system token"),
            (("conversations", 0, "odd"), "odd0 token"),
            (("conversations", 1, "odd"), "odd1 token"),
            (("conversations", 2, "odd"), "odd2 token"),
            (("conversations", 3, "odd"), "odd3 token"),
            (("conversations", 3, "reasoning_content"), "reasoning token"),
            (("label",), False),
        ],
    ),
    "chatglm3": (
        {
            "conversations": [
                {"role": "system", "content": "system token"},
                {"role": "user", "content": "asked token"},
                {
                    "role": "tool",
                    "name": "call token",
                    "parameters": {},
                    "observation": "seen token",
                },
                {"role": "assistant", "content": "answer token"},
            ]
        },
        [
            *TOP,
            (("tools",), ["tools token"]),
            (("conversations", 0, "odd"), "odd0 token"),
            (("conversations", 2, "odd"), "odd2 token"),
            (("conversations", 3, "odd"), "odd3 token"),
        ],
    ),
    "xcomposer": (
        {
            "id": "id token",
            "image": ["image token.jpg"],
            "conversations": [
                {"from": "user", "value": "<ImageHere>asked token"},
                {"from": "assistant", "value": "answer token"},
            ],
        },
        [*TOP[1:], (("conversations", 1, "odd"), "odd1 token")],
    ),
    "prompt-response": (
        {"query": "asked token", "response": "answer token"},
        [
            *TOP,
            *MEDIA,
            *TOOLS,
            (("system",), "system token"),
            (("history",), [["before token", "earlier token"]]),
            (("rejected_response",), "rejected token"),
            (("kto_tag",), True),
        ],
    ),
    "text": ({"text": "answer token"}, TOP),
}


def tokens(value: Any) -> set[str]:
    """Every text of a value that this file put there, also inside JSON texts."""
    if isinstance(value, dict):
        return set().union(*map(tokens, value.values()))
    if isinstance(value, list):
        return set().union(*map(tokens, value))
    if not isinstance(value, str):
        return set()
    if value[:1] in ("[", "{"):
        return tokens(json.loads(value))
    return {part for part in value.replace("<ImageHere>", "").split("\n") if "token" in part}


@st.composite
def raws(draw: st.DrawFn, name: str) -> dict[str, Any]:
    raw, fields = PLAIN[name]
    made: dict[str, Any] = json.loads(json.dumps(raw))
    for path, value in draw(st.lists(st.sampled_from(fields), unique_by=lambda f: f[0])):
        place: Any = made
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
    return made


def emitted(raw: dict[str, Any], name: str, target: str, *drop: str) -> dict[str, Any]:
    row = Row(by_name(name).parse(raw), source=Source("a.json", format=name), at=1)
    emitter = Emitter(target, drop, Account())
    made = emitter.emit(row)
    emitter.check()
    return made


@settings(max_examples=15)
@given(st.data())
@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("name", PLAIN)
def test_what_is_written_without_leave_holds_every_field(
    name: str, target: str, data: st.DataObject
) -> None:
    raw = data.draw(raws(name))
    assert recognise(raw) is by_name(name)
    try:
        made = emitted(raw, name, target)
    except (Lossy, Reject):
        # `query` and `response` are read with more than `prompt` and `response` are written with
        assert name != target or name == "prompt-response" or "rejected_response" in raw
        return
    text = json.dumps(made, ensure_ascii=False)
    missing = {token for token in tokens(raw) if token not in text.replace('\\"', '"')}
    assert not missing


@settings(max_examples=25)
@given(st.data())
@pytest.mark.parametrize("name", ["alpaca", "conversation", "messages", "sharegpt", "chatglm3"])
def test_a_row_comes_back_from_messages_as_it_was(name: str, data: st.DataObject) -> None:
    raw = data.draw(raws(name))
    fmt, hub = by_name(name), by_name("messages")
    row = Row(fmt.parse(raw), source=Source("a.json", format=name), at=1)
    try:
        there = Row(
            hub.parse(emitted(raw, name, "messages")), source=Source("b", format="messages")
        )
        emitter = Emitter(name, (), Account())
        back = fmt.parse(emitter.emit(there))
        emitter.check()
    except (Lossy, Reject):
        return
    for key in ("messages", "rejected", "kto_tag", "images", "videos", "audios", "extra"):
        before, after = row.get(key), back.get(key)
        if key == "messages":
            before, after = ([{**m, "id": None} for m in side] for side in (before, after))
        assert before == after, key


KEYS = sorted({key for fmt in FORMATS.values() for key in fmt.COLUMNS})


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_no_object_is_more_than_a_parser_can_bear(raw: dict[str, Any]) -> None:
    for fmt in FORMATS.values():
        try:
            row = Row(fmt.parse(raw), source=Source("a", format=fmt.NAME))
        except Reject:
            continue
        assert isinstance(unfit(dict(row)), str)
        for target in FORMATS:
            try:
                Emitter(target, ("all",), Account()).emit(row)
            except Reject:
                continue


TURN = st.dictionaries(
    st.sampled_from(
        [
            *("role", "from", "content", "value", "name", "parameters", "observation", "loss"),
            *("weight", "tool_calls", "function_call", "tool_call_id", "input", "output", "system"),
        ]
    ),
    JSON | st.sampled_from(["user", "assistant", "tool", "human", "gpt", "function_call"]),
)


@given(st.sampled_from(["conversation", "conversations", "messages"]), st.lists(TURN, max_size=4))
def test_no_turn_is_more_than_a_parser_can_bear(key: str, turns: list[Any]) -> None:
    for fmt in FORMATS.values():
        try:
            fmt.parse({key: turns})
        except Reject:
            continue


# media


def row_of(raw: dict[str, Any]) -> Row:
    fmt = recognise(raw)
    assert fmt is not None
    return Row(fmt.parse(raw), source=Source("a.json", format=fmt.NAME), at=1)


def test_a_literal_mark_of_another_format_stays_a_text() -> None:
    raw = {
        "conversations": [
            {"from": "human", "value": "<image>What does <ImageHere> mean?"},
            {"from": "gpt", "value": "A mark."},
        ],
        "images": ["a.jpg"],
    }
    assert emitted(raw, "sharegpt", "sharegpt") == raw
    with pytest.raises(Reject, match="a literal <ImageHere>"):
        emitted(raw, "sharegpt", "xcomposer")
    other = {
        "id": "1",
        "image": ["a.jpg"],
        "conversations": [
            {"from": "user", "value": "<ImageHere>Write <image> in HTML"},
            {"from": "assistant", "value": "<img>"},
        ],
    }
    with pytest.raises(Reject, match="a literal <image>"):
        emitted(other, "xcomposer", "sharegpt")
    text = {"messages": [{"role": "user", "content": "<ImageHere>"}, {**ANSWER, "content": "a"}]}
    made = emitted(text, "messages", "sharegpt")
    assert made["conversations"][0]["value"] == "<ImageHere>"
    assert "images" not in made


def test_dropped_media_leave_no_mark_behind() -> None:
    raw = {"instruction": "<image>Who?", "output": "A cat.", "images": ["a.jpg"]}
    made = emitted(raw, "alpaca", "conversation", "images")
    assert made == {"conversation": [{"input": "Who?", "output": "A cat."}]}


@pytest.mark.parametrize("count", [0, 2, 3])
def test_media_must_be_as_many_as_their_marks(count: int) -> None:
    raw = {"instruction": "<image>" * count + "Who?", "output": "x", "images": ["a.jpg"]}
    if count:
        with pytest.raises(Reject, match="the number of <image> marks"):
            row_of(raw)
    else:  # as ms-swift reads it
        assert emitted(raw, "alpaca", "alpaca")["instruction"] == "<image>Who?"


def test_content_parts_become_media_and_their_other_fields_are_refused() -> None:
    part: dict[str, Any] = {"type": "image_url", "image_url": {"url": "a.jpg"}}
    said = [{"type": "text", "text": "Who is <image>?"}, part]
    raw = {"messages": [{"role": "user", "content": said}, {**ANSWER, "content": "x"}]}
    assert row_of(raw)["images"] == ["a.jpg"]
    with pytest.raises(Reject, match="a literal <image>"):
        emitted(raw, "messages", "messages")
    part["image_url"]["detail"] = "high"
    with pytest.raises(Reject, match="fields that are not carried"):
        row_of(raw)


# preference


PAIRS: dict[str, dict[str, Any]] = {
    "alpaca": {"instruction": "q", "input": "", "chosen": "good", "rejected": "bad"},
    "sharegpt": {
        "conversations": [{"from": "human", "value": "q"}],
        "chosen": {"from": "gpt", "value": "good"},
        "rejected": {"from": "gpt", "value": "bad"},
    },
    "messages": {
        "messages": [{"role": "user", "content": "q"}],
        "chosen": {"role": "assistant", "content": "good"},
        "rejected": {"role": "assistant", "content": "bad"},
    },
}


@pytest.mark.parametrize("target", PAIRS)
@pytest.mark.parametrize("name", PAIRS)
def test_preference_pairs_go_everywhere(name: str, target: str) -> None:
    made = emitted(PAIRS[name], name, target)
    made.pop("history", None)
    assert made == PAIRS[target]


@pytest.mark.parametrize("target", ["conversation", "chatglm3", "prompt-response", "text"])
def test_what_has_no_second_answer_refuses_pairs(target: str) -> None:
    with pytest.raises(Lossy, match="cannot hold preference"):
        emitted(PAIRS["sharegpt"], "sharegpt", target)
    assert "bad" not in json.dumps(emitted(PAIRS["alpaca"], "alpaca", target, "preference"))


BROKEN = [
    {"instruction": "q", "chosen": "a"},
    {"instruction": "q", "chosen": ["a"], "rejected": "b"},
    {"instruction": "q", "chosen": "a", "rejected": " "},
    {"conversations": [{"from": "gpt", "value": "q"}], "chosen": "a", "rejected": "b"},
    {**PAIRS["messages"], "rejected": {"role": "user", "content": "a"}},
    {**PAIRS["sharegpt"], "chosen": 5},
    {"instruction": "q", "output": "other", "chosen": "a", "rejected": "b"},
]


@pytest.mark.parametrize("raw", BROKEN)
def test_half_a_pair_is_rejected(raw: dict[str, Any]) -> None:
    with pytest.raises(Reject):
        row_of(raw)


# values


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, -(2**63)])
def test_whole_numbers_of_64_bits_stay(tmp_path: Path, number: int) -> None:
    raw = {"instruction": "q", "output": "a", "serial": number}
    src = put_lines(tmp_path / "a.jsonl", [raw])
    convert(src, tmp_path / "o.jsonl", to="messages")
    assert lines_of(tmp_path / "o.jsonl")[0]["serial"] == number


@pytest.mark.parametrize("to", ["same", "alpaca", "messages"])
@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**40])
def test_whole_numbers_beyond_64_bits_are_refused(tmp_path: Path, number: int, to: str) -> None:
    raws = [{"instruction": "q", "output": "a", "serial": n} for n in (number, 1)]
    for src in (put_lines(tmp_path / "a.jsonl", raws), put_json(tmp_path / "a.json", raws)):
        account = convert(src, tmp_path / "o.jsonl", to=to)
        assert account.rejects == {"a number beyond 64 bits: write it as text": 1}
        assert [row["serial"] for row in lines_of(tmp_path / "o.jsonl")] == [1]


def nested(depth: int) -> str:
    return '{"a": ' * depth + "1" + "}" * depth


@pytest.mark.parametrize("depth", [DEPTH - 10, 300, 2000, 100_000])
def test_arguments_as_deep_as_you_like(tmp_path: Path, depth: int) -> None:
    function = {"name": "f", "arguments": nested(depth)}
    call = {"id": "1", "type": "function", "function": function}
    said = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "assistant", "content": "a"},
    ]
    good = {"messages": [said[0], said[2]]}
    src = put_lines(tmp_path / "a.jsonl", [{"messages": said}, good])
    account = convert(src, tmp_path / "o.jsonl", to="sharegpt")
    assert account.written == (2 if depth < DEPTH else 1)


@pytest.mark.parametrize("role", [None, 5, [], {}, ["user"], "king"])
def test_roles_of_any_type(role: Any) -> None:
    for raw in (
        {"messages": [{"role": role, "content": "a"}]},
        {"conversations": [{"from": role, "value": "a"}]},
        {"conversations": [{"role": role, "content": "a"}]},
    ):
        with pytest.raises(Reject, match=r"unknown (role|speaker)"):
            row_of(raw)


# empty answers, items of arrays


EMPTY = [
    {"conversation": [{"input": "q", "output": " \n"}]},
    {"input": "q", "output": ""},
    {"instruction": "q", "output": ""},
    {"instruction": "q", "output": "a", "history": [["q", ""]]},
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": ""}]},
    {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": ""}]},
    {"conversations": [{"role": "user", "content": "q"}, {"role": "assistant", "content": ""}]},
    {"prompt": "q", "response": "\t"},
    {"text": ""},
]


@pytest.mark.parametrize("raw", EMPTY)
@pytest.mark.parametrize("container", ["jsonl", "json"])
def test_an_empty_answer_is_a_fault_everywhere(
    tmp_path: Path, raw: dict[str, Any], container: str
) -> None:
    put = put_lines if container == "jsonl" else put_json
    src = put(tmp_path / f"a.{container}", [raw])
    account = Account(max_rejects=0)
    assert list(read(src, account=account)) == []
    assert account.faults == 1
    assert next(iter(account.rejects)).endswith("is empty")
    with pytest.raises(DataError, match="Too many rows"):
        account.hold_limit()


def test_items_of_an_array_are_told_by_line_and_number(tmp_path: Path) -> None:
    good, bad = {"text": "a"}, {"text": None}
    src = put_json(tmp_path / "a.json", [good, bad, good, 7])
    account = convert(src, tmp_path / "o.jsonl", to="same")
    records = lines_of(next(tmp_path.glob("*rejected*")))
    assert [(r["line"], r["item"]) for r in records] == [(1, 2), (1, 4)]
    assert "a.json line 1 item 2: text is empty" in account.examples[0]
    assert list(read(src, on_reject=lambda *_: None))[1].where == f"{src}:1, item 3"


# the layouts of LLaMA-Factory's demo files and of ms-swift, in rows of our own


DEMOS: dict[str, dict[str, Any]] = {
    "mllm_demo": {
        "messages": [
            {"content": "<image>What is this?", "role": "user"},
            {"content": "A kettle.", "role": "assistant"},
            {"content": "And this?<image>", "role": "user"},
            {"content": "A cup.", "role": "assistant"},
        ],
        "images": ["kitchen/1.jpg", "kitchen/2.jpg"],
    },
    "mllm_video_audio_demo": {
        "messages": [
            {"content": "<video><audio>What happens?", "role": "user"},
            {"content": "Water boils.", "role": "assistant"},
        ],
        "videos": ["kitchen/1.mp4"],
        "audios": ["kitchen/1.mp3"],
    },
    "dpo_demo": {
        "conversations": [
            {"from": "human", "value": "Tea or coffee?"},
            {"from": "gpt", "value": "For when?"},
            {"from": "human", "value": "For the evening."},
        ],
        "chosen": {"from": "gpt", "value": "Tea."},
        "rejected": {"from": "gpt", "value": "Coffee."},
    },
    "kto_demo": {
        "messages": [
            {"content": "Tea or coffee?", "role": "user"},
            {"content": "Tea.", "role": "assistant"},
        ],
        "label": True,
    },
    "swift": {
        "system": "s",
        "query": "<image>What is this?",
        "response": "A cup.",
        "history": [["Hello", "Hello."]],
        "images": ["kitchen/2.jpg"],
        "rejected_response": "A kettle.",
    },
}


@pytest.mark.parametrize("target", ["messages", "sharegpt", "alpaca"])
@pytest.mark.parametrize("name", DEMOS)
def test_demo_layouts_go_through_whole(tmp_path: Path, name: str, target: str) -> None:
    raw = DEMOS[name]
    src = put_json(tmp_path / "demo.json", [raw, raw], indent=2)
    account = convert(src, tmp_path / "o.jsonl", to=target)
    assert (account.read, account.written, dict(account.dropped)) == (2, 2, {})
    made = lines_of(tmp_path / "o.jsonl")[0]
    for kind in ("images", "videos", "audios"):
        assert made.get(kind) == raw.get(kind)
    text = json.dumps(made)
    assert text.count("<image>") == len(raw.get("images", []))
    assert made.get("kto_tag") == raw.get("label")
    assert ("rejected" in made) == (name in ("dpo_demo", "swift"))
    back = convert(tmp_path / "o.jsonl", tmp_path / "back.jsonl", to="messages")
    assert back.written == 2
    if name in ("mllm_demo", "mllm_video_audio_demo"):
        assert lines_of(tmp_path / "back.jsonl")[0] == raw


@pytest.mark.parametrize("name", DEMOS)
def test_the_tutorials_format_refuses_what_it_cannot_train(tmp_path: Path, name: str) -> None:
    src = put_json(tmp_path / "demo.json", [DEMOS[name]])
    with pytest.raises(Lossy) as caught:
        convert(src, tmp_path / "o.jsonl", to="conversation")
    assert set(caught.value.fields) <= {"images", "videos", "audios", "preference", "kto_tag"}
    assert convert(src, tmp_path / "o.jsonl", to="conversation", drop=caught.value.fields).written


def test_named_keys_of_an_object_leave_its_other_fields(tmp_path: Path) -> None:
    columns = {"input": "问题", "output": "回答"}
    raws = [{"问题": "a", "回答": "b", "领域": ["x"]}, {"问题": "a", "回答": "b", "input": "c"}]
    src = put_lines(tmp_path / "a.jsonl", raws)
    account = convert(src, tmp_path / "o.jsonl", columns=columns)
    made = {"conversation": [{"input": "a", "output": "b"}], "领域": ["x"]}
    assert lines_of(tmp_path / "o.jsonl") == [made]
    assert account.faults == 1


def test_columns_that_are_not_named_are_noted(tmp_path: Path) -> None:
    src = tmp_path / "a.csv"
    src.write_text("q,a,topic\n1,2,3\n", encoding="utf-8")
    account = convert(src, tmp_path / "o.jsonl", columns={"input": "q", "output": "a"})
    assert "a.csv: columns that are not read: 'topic'" in account.notes
    carried = tmp_path / "b.csv"
    carried.write_text("input,output,topic\n1,2,3\n", encoding="utf-8")
    convert(carried, tmp_path / "o.jsonl")
    assert lines_of(tmp_path / "o.jsonl")[0]["topic"] == "3"


def test_images_of_one_message_are_the_rows_images_at_their_places(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "look", "images": ["a.jpg"]},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": "this <image> or that <image>", "images": ["b.jpg", "c.jpg"]},
        {"role": "assistant", "content": "y", "images": []},
    ]
    src = put_lines(tmp_path / "a.jsonl", [{"messages": turns}])
    convert(src, tmp_path / "o.jsonl", to="alpaca")
    (row,) = lines_of(tmp_path / "o.jsonl")
    assert row["images"] == ["a.jpg", "b.jpg", "c.jpg"]
    assert row["history"] == [["<image>look", "x"]]
    assert row["instruction"] == "this <image> or that <image>"
    turns[2]["images"] = ["b.jpg"]
    put_lines(src, [{"messages": turns}])
    account = Account()
    assert not list(read(src, account=account))
    assert account.rejected == 1


@pytest.mark.parametrize("names", [("prompt", "completion"), ("query", "response")])
def test_a_label_beside_a_prompt_is_the_verdict_on_its_answer(names: tuple[str, str]) -> None:
    raw = {**dict(zip(names, ("q", "a"), strict=True)), "label": False}
    assert row_of(raw)["kto_tag"] is False
    made = emitted(raw, "prompt-response", "alpaca")
    assert made == {"instruction": "q", "input": "", "output": "a", "kto_tag": False}
    with pytest.raises(Lossy):
        emitted(raw, "prompt-response", "conversation")
    assert emitted({**raw, "label": "no"}, "prompt-response", "alpaca")["label"] == "no"
