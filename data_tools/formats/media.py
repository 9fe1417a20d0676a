"""Images, videos and audios of a row: their paths, and their places in the texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_tools.errors import Reject
from data_tools.formats.common import TAGS, Raw
from data_tools.rows import MARKS, Message, Row


def take(raw: Raw, keys: Raw, tags: Mapping[str, str] = TAGS) -> None:
    """`images`, `videos` and `audios` of an object into the row's keys, their places marked.

    Rows without any mark have them before the first question, as ms-swift reads them.
    """
    for kind, tag in tags.items():
        if raw.get(kind) in (None, "", []):
            continue
        if kind in keys:
            raise Reject(f"{kind} stand both in a content and beside it")
        keys[kind] = paths(raw[kind], kind)
        place(keys, kind, tag)


def paths(value: Any, kind: str = "images") -> list[Any]:
    """A list of paths (of a video: or of lists of frames); one path alone is a list of one."""
    items = [value] if isinstance(value, str) else value
    frames = kind == "videos"
    if not isinstance(items, list) or not all(_is_path(item, frames) for item in items):
        raise Reject(f"the {kind} are not a list of paths")
    return items


def _is_path(item: Any, frames: bool) -> bool:
    if isinstance(item, list):
        return frames and bool(item) and all(_is_path(frame, False) for frame in item)
    return isinstance(item, str) and bool(item)


def place(keys: Raw, kind: str, tag: str, *, may_lead: bool = True) -> None:
    """Marks instead of tags in the row's texts; they must be as many as the files."""
    count, wanted = 0, len(keys[kind])
    texts = [m for m in keys["messages"] if isinstance(m.get("content"), str)]
    for message in texts:
        count += message["content"].count(tag)
        message["content"] = message["content"].replace(tag, MARKS[kind])
    asked = next((m for m in texts if m["role"] == "user"), None)
    if not count and may_lead and asked is not None:
        asked["content"] = MARKS[kind] * wanted + asked["content"]
    elif count != wanted:
        raise Reject(f"the number of {tag} marks is not the number of {kind}: {count} for {wanted}")


def of(row: Row) -> Raw:
    """The row's media, for formats that list them under the same names."""
    return {kind: row[kind] for kind in MARKS if row.get(kind)}


def tagged(row: Row, tags: Mapping[str, str]) -> list[Message]:
    """The row's messages with a format's own tags; marks of what it cannot hold are taken out.

    Raises:
        Reject: a text says literally what the format would read as a mark.
    """
    messages = []
    for message in row["messages"]:
        content = message.get("content")
        if isinstance(content, str):
            for kind, mark in MARKS.items():
                if row.get(kind) and tags.get(kind, mark) in content and kind in tags:
                    raise Reject(f"a literal {tags[kind]} in a row with {kind} would become one")
                content = content.replace(mark, tags.get(kind, ""))
            message = {**message, "content": content}
        messages.append(message)
    return messages
