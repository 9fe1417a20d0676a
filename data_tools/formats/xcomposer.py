"""InternLM-XComposer2: {"id", "image": [path, …], "conversations": [{"from", "value"}, …]}.

Source: InternLM-XComposer-2.0/finetune/README.md and data_mix.py: every speaker that is not user or
human counts as the answer there, so there is no place for a system text.
"""

from __future__ import annotations

from data_tools.errors import Reject
from data_tools.formats import sharegpt
from data_tools.formats.common import Lose, Raw, extras
from data_tools.rows import IMAGE, Row

NAME = "xcomposer"
COLUMNS: tuple[str, ...] = ("id", "image", "conversations")
NAMES = {"user": "user", "assistant": "assistant"}


def matches(raw: Raw) -> bool:
    return "image" in raw and sharegpt.has_speakers(raw)


def parse(raw: Raw) -> Raw:
    keys = sharegpt.parse({key: raw[key] for key in ("id", "conversations") if key in raw})
    if raw.get("image"):
        images = sharegpt.images(raw["image"])
        for message in keys["messages"]:
            if message["role"] in NAMES:
                message["content"] = message["content"].replace("<image>", IMAGE)
        keys["images"] = images
        count_marks(keys, len(images))
    return {**keys, **extras(raw, COLUMNS)}


def count_marks(keys: Raw, images: int) -> None:
    """Reject a row whose `<ImageHere>` marks are not as many as its images."""
    marks = sum(str(m.get("content", "")).count(IMAGE) for m in keys["messages"])
    if marks != images:
        raise Reject(f"the number of {IMAGE} marks is not the number of images")


def emit(row: Row, lose: Lose) -> Raw:
    turns = []
    for message in row["messages"]:
        role = message["role"]
        if "loss" in message:
            lose("loss")
        if role == "system":
            lose("system")
        elif role not in NAMES:
            lose("tools")
        else:
            turns.append({"from": NAMES[role], "value": message["content"]})
    if row.get("tools"):
        lose("tools")
    if not turns:
        raise Reject("there is no answer in this row")
    raw: Raw = {"id": str(row.get("id", row.at))}
    if row.get("images"):
        count_marks(row, len(row["images"]))
        raw["image"] = row["images"]
    raw["conversations"] = turns
    if "extra" in row and row.source.format == NAME:
        raw.update(row["extra"])
    return raw
