"""Rows in the shapes of LLaMA-Factory's own demo files, a few of each, by file name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ASK = {"from": "human", "value": "Hi! Help me cook."}
TOOLS = json.dumps([{"name": "search", "parameters": {"type": "object"}}])
CALL = {"from": "function_call", "value": '{"name": "search", "arguments": {"q": ["rice"]}}'}
SEEN = {"from": "observation", "value": '{"recipes": ["Pilaf"]}'}

DEMOS: dict[str, list[dict[str, Any]]] = {
    "dpo_en_demo.json": [
        {
            "conversations": [ASK, {"from": "gpt", "value": "Sure."}, ASK],
            "chosen": {"from": "gpt", "value": "Here is a recipe."},
            "rejected": {"from": "gpt", "value": "No."},
        },
        {
            "conversations": [ASK],
            "chosen": {"from": "gpt", "value": "Yes."},
            "rejected": {"from": "gpt", "value": "Never."},
        },
    ],
    "dpo_zh_demo.json": [
        {"instruction": "你好", "input": "请回答", "chosen": "好的。", "rejected": "不。"},
        {"instruction": "再见", "input": "", "chosen": "再见！", "rejected": "哦。"},
    ],
    "kto_en_demo.json": [
        {
            "messages": [
                {"role": "user", "content": "Which is the best summary?"},
                {"role": "assistant", "content": "D! Science!"},
            ],
            "label": True,
        },
        {
            "messages": [
                {"role": "user", "content": "And this?"},
                {"role": "assistant", "content": "Banana."},
            ],
            "label": False,
        },
    ],
    "glaive_toolcall_en_demo.json": [
        {
            "conversations": [ASK, CALL, SEEN, {"from": "gpt", "value": "Pilaf it is."}],
            "tools": TOOLS,
        },
        {"conversations": [ASK, {"from": "gpt", "value": "With pleasure."}], "tools": "[]"},
    ],
    "mllm_demo.json": [
        {
            "messages": [
                {"role": "user", "content": "<image>Who are they?"},
                {"role": "assistant", "content": "Kane and Gretzka."},
                {"role": "user", "content": "What do they do?<image>"},
                {"role": "assistant", "content": "They celebrate."},
            ],
            "images": ["pictures/1.jpg", "pictures/1.jpg"],
        },
        {
            "messages": [
                {"role": "user", "content": "No picture."},
                {"role": "assistant", "content": "None."},
            ]
        },
    ],
    "mllm_video_demo.json": [
        {
            "messages": [
                {"role": "user", "content": "<video>Why is this funny?"},
                {"role": "assistant", "content": "A baby reads."},
            ],
            "videos": ["pictures/1.mp4"],
        }
    ],
}


def write(name: str, folder: Path, *, times: int = 1) -> Path:
    """The demo file ``name`` in ``folder``, its rows ``times`` over."""
    path = folder / name
    path.write_text(json.dumps(DEMOS[name] * times, ensure_ascii=False), encoding="utf-8")
    return path
