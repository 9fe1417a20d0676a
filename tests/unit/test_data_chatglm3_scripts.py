"""ToolAlpaca and AdvertiseGen, row for row what ChatGLM3's two scripts make of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_support import FILLED, JSON, TEXT, lines_of, put_json, put_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_tools import Account, DataError, convert, read, write


def step(name: str, params: str, react: str, observation: Any) -> list[Any]:
    return [[name, params, react], observation]


WEATHER = {
    "NLDocumentation": 'getWeather: the weather of a city.\nParameters: {"city": "a name"}',
    "Name": "Weather",
    "Instances": [
        {
            "input": "Will it rain in 杭州?",
            "intermediate_steps": [
                step(
                    "getWeather",
                    '{"city": "杭州", "days": 1}',
                    "I need the weather.\n  Action: getWeather\nAction Input: {}",
                    'Status Code: 200. Response: {"rain": true}',
                ),
                step("getWeather", "{}", "Once more.", {"rain": False}),
            ],
            "Final Thought": "I know now.",
            "output": "Yes, take an umbrella.",
        },
        {"input": "Hello", "intermediate_steps": [], "Final Thought": "Easy.", "output": "Hi!"},
    ],
}
EXPECTED = [
    {
        "tools": [WEATHER["NLDocumentation"]],
        "conversations": [
            {"role": "user", "content": "Will it rain in 杭州?"},
            {"role": "assistant", "content": "I need the weather."},
            {
                "role": "tool",
                "name": "getWeather",
                "parameters": {"city": "杭州", "days": 1},
                "observation": 'Status Code: 200. Response: {"rain": true}',
            },
            {"role": "assistant", "content": "Once more."},
            {
                "role": "tool",
                "name": "getWeather",
                "parameters": {},
                "observation": {"rain": False},
            },
            {"role": "assistant", "content": "I know now.\nYes, take an umbrella."},
        ],
    },
    {
        "tools": [WEATHER["NLDocumentation"]],
        "conversations": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Easy.\nHi!"},
        ],
    },
]


def formatted(tmp_path: Path, settings_: list[Any], account: Account | None = None) -> list[Any]:
    src = put_json(tmp_path / "train_data.json", settings_)
    out = tmp_path / "tool_alpaca.jsonl"
    write(read(src, format="tool-alpaca", account=account), out, format="chatglm3", account=account)
    return lines_of(out)


def test_tool_alpaca(tmp_path: Path) -> None:
    found = formatted(tmp_path, [WEATHER])
    assert found == EXPECTED
    assert json.dumps(found) == json.dumps(EXPECTED), "the keys stand in the script's order too"


def expected_rows(tools: list[dict[str, Any]]) -> list[Any]:
    """What the script makes, stated again: a row for each instance that has all its parts."""
    rows = []
    for tool in tools:
        for instance in tool["Instances"]:
            try:
                turns = [{"role": "user", "content": instance["input"]}]
                for (name, params, react), observation in instance["intermediate_steps"]:
                    thought = react[: react.index("Action:")] if "Action:" in react else react
                    turns.append({"role": "assistant", "content": thought.strip()})
                    call = {"name": name, "parameters": json.loads(params)}
                    turns.append({"role": "tool", **call, "observation": observation})
                last = instance["Final Thought"] + "\n" + instance["output"]
            except (KeyError, ValueError, TypeError, AttributeError):
                continue
            turns.append({"role": "assistant", "content": last})
            rows.append({"tools": [tool["NLDocumentation"]], "conversations": turns})
    return rows


STEPS = st.lists(
    st.builds(
        step,
        FILLED,
        st.one_of(st.dictionaries(FILLED, JSON, max_size=2).map(json.dumps), st.just("{oops")),
        st.one_of(TEXT, TEXT.map(lambda text: f"{text} Action: x"), st.none()),
        JSON,
    ),
    max_size=3,
)
INSTANCES = st.fixed_dictionaries(
    {"intermediate_steps": STEPS, "output": TEXT},
    optional={"input": FILLED, "Final Thought": st.one_of(TEXT, st.none())},
)
TOOLS = st.fixed_dictionaries(
    {"NLDocumentation": TEXT, "Instances": st.lists(INSTANCES, max_size=4)}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(st.lists(TOOLS, min_size=1, max_size=3))
def test_tool_alpaca_on_any_data(tmp_path: Path, tools: list[dict[str, Any]]) -> None:
    account = Account()
    assert formatted(tmp_path, tools, account) == expected_rows(tools)
    assert account.read == sum(len(tool["Instances"]) for tool in tools)
    account.check()


BROKEN = [
    ({}, "input is missing", "instance 1"),
    ({"input": "a"}, "intermediate_steps is missing", "instance 1"),
    (
        {**WEATHER["Instances"][1], "intermediate_steps": [step("f", "{", "x", 1)]},  # type: ignore[index]
        "the tool's parameters are not JSON",
        "instance 1, step 1",
    ),
    (
        {**WEATHER["Instances"][1], "intermediate_steps": [step("f", '{"a": NaN}', "x", 1)]},  # type: ignore[index]
        "the tool's parameters are not JSON",
        "instance 1",
    ),
    (
        {**WEATHER["Instances"][1], "intermediate_steps": [["f"]]},  # type: ignore[index]
        "the steps are not as they should be (ValueError)",
        "instance 1, step 1",
    ),
]


@pytest.mark.parametrize(("instance", "reason", "spot"), BROKEN)
def test_a_broken_instance_is_rejected_with_its_place(
    tmp_path: Path, instance: Any, reason: str, spot: str
) -> None:
    account = Account()
    broken = {"NLDocumentation": "d", "Instances": [instance]}
    found = formatted(tmp_path, [broken, WEATHER], account)
    assert found == EXPECTED
    assert account.rejects == {reason: 1}
    assert spot in account.examples[0]
    assert "line 1" in account.examples[0]


@pytest.mark.parametrize("value", [{"a": 1}, {"Instances": []}, {"NLDocumentation": "x"}])
def test_another_file_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(DataError, match=r"ToolAlpaca|NLDocumentation"):
        formatted(tmp_path, [value])


def test_advertise_gen(tmp_path: Path) -> None:
    raws = [
        {"content": "类型#上衣*版型#宽松", "summary": "这件上衣宽松舒适。"},
        {"content": "类型#裙", "summary": "“百搭”的裙子😀\n"},
    ]
    src = put_lines(tmp_path / "train.json", raws)
    out = tmp_path / "advertise_gen.jsonl"
    assert write(read(src, format="prompt-response"), out, format="prompt-response") == 2
    expected = [{"prompt": raw["content"], "response": raw["summary"]} for raw in raws]
    assert json.dumps(lines_of(out)) == json.dumps(expected)
    assert "上衣".encode() in out.read_bytes()


def test_advertise_gen_names_the_line_without_a_summary(tmp_path: Path) -> None:
    src = put_lines(tmp_path / "a.json", [{"content": "a", "summary": "b"}, {"content": "a"}])
    with pytest.raises(DataError, match="is empty") as caught:
        list(read(src, format="prompt-response"))
    assert "line 2" in caught.value.where


def test_the_scripts_are_also_source_formats_of_read_and_convert(tmp_path: Path) -> None:
    src = put_json(tmp_path / "tools.json", [WEATHER, {"NLDocumentation": "d", "Instances": [{}]}])
    out = tmp_path / "o.jsonl"
    account = convert(src, out, format="tool-alpaca", to="chatglm3")
    assert (account.read, account.written, lines_of(out)) == (3, 2, EXPECTED)
    src = put_lines(tmp_path / "a.json", [{"content": "a", "summary": "b"}])
    (row,) = read(src, format="advertise-gen", system="s")
    assert (row.system, row.turns) == ("s", [("a", "b")])
