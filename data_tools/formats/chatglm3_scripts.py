"""What ChatGLM3's two formatting scripts make, row for row, with a row account.

Source: ChatGLM3 finetune_chatmodel_demo/scripts/format_tool_alpaca.py and
format_advertise_gen.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from data_tools.account import Account
from data_tools.containers.reading import Paths, raw_items, read
from data_tools.errors import DataError, Reject
from data_tools.rows import Message, Row

BROKEN = (KeyError, TypeError, ValueError, IndexError, AttributeError)


def format_tool_alpaca(path: Paths, *, account: Account | None = None) -> Iterator[Row]:
    """Yield one row for each instance of a ToolAlpaca file.

    Each tool of the file has a description and instances; an instance whose steps are broken is
    rejected with the reason (the script counts it and goes on).
    """
    account = account or Account(strict=True)
    for source, at, setting in raw_items(path, account):
        place = source.where(at)
        if not isinstance(setting, dict) or not isinstance(setting.get("Instances"), list):
            why = "an entry of ToolAlpaca has NLDocumentation and a list of Instances"
            raise DataError("This is not a ToolAlpaca file", place, why)
        if "NLDocumentation" not in setting:
            raise DataError("A tool has no NLDocumentation", place)
        tools = [setting["NLDocumentation"]]
        for number, instance in enumerate(setting["Instances"], 1):
            account.read += 1
            try:
                messages = _instance(instance)
            except Reject as verdict:
                spot = f"instance {number}" + (f", {verdict.spot}" if verdict.spot else "")
                where = {**source.place(at), "instance": number}
                account.reject(
                    Reject(verdict.reason, spot), file=source.file, place=where, row=instance
                )
                continue
            yield Row(messages=messages, tools=tools, source=source, at=at)


def _instance(instance: Any) -> list[Message]:
    try:
        messages: list[Message] = [{"role": "user", "content": instance["input"]}]
        for number, step in enumerate(instance["intermediate_steps"], 1):
            messages += _step(step, f"step {number}")
        final = instance["Final Thought"] + "\n" + instance["output"]
    except BROKEN as error:
        raise Reject(_why(error)) from error
    messages.append({"role": "assistant", "content": final})
    return messages


def _step(step: Any, spot: str) -> list[Message]:
    """A step is [[tool name, parameters as JSON text, thought and action], observation]."""
    try:
        name, params, react = step[0]
        thought = react.split("Action:")[0].strip()
        observation = step[1]
        arguments = json.loads(params, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise Reject("the tool's parameters are not JSON", spot) from error
    except BROKEN as error:
        raise Reject(_why(error), spot) from error
    return [
        {"role": "assistant", "content": thought},
        {"role": "call", "name": name, "arguments": arguments},
        {"role": "observation", "content": observation},
    ]


def _no_constant(name: str) -> None:
    raise Reject(f"the tool's parameters hold {name}, which JSON does not have")


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    return f"the steps are not as they should be ({type(error).__name__})"


def format_advertise_gen(path: Paths, *, account: Account | None = None) -> Iterator[Row]:
    """Yield one prompt/response row for each line of AdvertiseGen (content, summary)."""
    account = account or Account(strict=True)
    yield from read(path, format="prompt-response", account=account)


def default_output(kind: str) -> str:
    """Where the scripts write, relative to the working folder."""
    return f"formatted_data/{kind}.jsonl"
