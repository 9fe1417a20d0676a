"""InternLM-XComposer2: {"id", "image": [path, …], "conversations": [{"from", "value"}, …]}.

Source: InternLM-XComposer-2.0/finetune/README.md and data_mix.py: every speaker that is not user or
human counts as the answer there, so there is no place for a system text. LLaVA's rows look the
same, with one path and `<image>` for its place.
"""

from __future__ import annotations

from collections.abc import Mapping

from data_tools.errors import Reject
from data_tools.formats import media, sharegpt
from data_tools.formats.common import Lose, Raw, extras, fields
from data_tools.rows import Row

NAME = "xcomposer"
COLUMNS: tuple[str, ...] = ("id", "image", "conversations")
HOLDS: frozenset[str] = frozenset()
IMAGE = "<ImageHere>"
TAGS: Mapping[str, str] = {"images": IMAGE}
TURN_KEYS = sharegpt.TURN_KEYS
TURN_ROLES = frozenset({"user", "assistant"})
NAMES = {"user": "user", "assistant": "assistant"}


def matches(raw: Raw) -> bool:
    return "image" in raw and sharegpt.has_speakers(raw)


def parse(raw: Raw) -> Raw:
    keys = sharegpt.parse({key: raw[key] for key in ("id", "conversations") if key in raw})
    if raw.get("image") not in (None, "", []):
        keys["images"] = media.paths(raw["image"])
        texts = (str(message.get("content", "")) for message in keys["messages"])
        tag = IMAGE if any(IMAGE in content for content in texts) else "<image>"
        media.place(keys, "images", tag, may_lead=False)
    return {**keys, **extras(raw, COLUMNS)}


def emit(row: Row, lose: Lose) -> Raw:
    turns = []
    for message in row["messages"]:
        if message["role"] == "system":
            lose("system")
        elif message["role"] in NAMES:
            turn = {"from": NAMES[message["role"]], "value": message["content"]}
            turns.append({**turn, **fields(message)})
    if not turns:
        raise Reject("there is no answer in this row")
    raw: Raw = {"id": str(row.get("id", _number(row)))}
    if row.get("images"):
        raw["image"] = row["images"]
    raw["conversations"] = turns
    return raw


def _number(row: Row) -> int:
    return row.at[1] if isinstance(row.at, tuple) else row.at
