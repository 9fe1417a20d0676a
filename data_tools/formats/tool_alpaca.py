"""ToolAlpaca: each entry describes a tool and holds conversations with it, its instances.

Source: ChatGLM3 finetune_chatmodel_demo/scripts/format_tool_alpaca.py; the rows are those of the
script, and an instance whose steps are broken is rejected with the reason (the script counts it).
"""

from __future__ import annotations

from typing import Any

import orjson

from data_tools.errors import DataError, Reject
from data_tools.formats.common import Raw, text
from data_tools.rows import Message

NAME = "tool-alpaca"
BROKEN = (KeyError, TypeError, ValueError, IndexError, AttributeError)


def instances(entry: Any, where: str) -> list[Any]:
    """The instances of one entry. Raises DataError when it is none of ToolAlpaca."""
    if not isinstance(entry, dict) or not isinstance(entry.get("Instances"), list):
        why = "an entry of ToolAlpaca has NLDocumentation and a list of Instances"
        raise DataError("This is not a ToolAlpaca file", where, why)
    if "NLDocumentation" not in entry:
        raise DataError("A tool has no NLDocumentation", where)
    rows: list[Any] = entry["Instances"]
    return rows


def parse(instance: Any, entry: Raw) -> Raw:
    """The keys of a `Row` for one instance; raises Reject."""
    try:
        messages: list[Message] = [{"role": "user", "content": text(instance["input"], "input")}]
        for number, step in enumerate(instance["intermediate_steps"], 1):
            messages += _step(step, f"step {number}")
        final = instance["Final Thought"] + "\n" + instance["output"]
    except BROKEN as error:
        raise Reject(_why(error)) from error
    messages.append({"role": "assistant", "content": final})
    return {"messages": messages, "tools": [entry["NLDocumentation"]]}


def _step(step: Any, spot: str) -> list[Message]:
    """A step is [[tool name, parameters as JSON text, thought and action], observation]."""
    try:
        name, params, react = step[0]
        thought = react.split("Action:")[0].strip()
        observation = step[1]
        arguments = orjson.loads(params)
    except orjson.JSONDecodeError as error:
        raise Reject("the tool's parameters are not JSON", spot) from error
    except BROKEN as error:
        raise Reject(_why(error), spot) from error
    return [
        {"role": "assistant", "content": thought},
        {"role": "call", "name": text(name, "the tool's name", spot), "arguments": arguments},
        {"role": "observation", "content": observation},
    ]


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    return f"the steps are not as they should be ({type(error).__name__})"
