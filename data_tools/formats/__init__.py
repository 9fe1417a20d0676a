"""The formats: one module each, listed here in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Iterable

from data_tools.errors import Reject, UsageFault
from data_tools.formats import (
    alpaca,
    chatglm3,
    conversation,
    messages,
    prompt_response,
    sharegpt,
    text,
    xcomposer,
)
from data_tools.formats.common import Format, Raw
from data_tools.nearest import did_you_mean

_TRIED: tuple[Format, ...] = (
    alpaca,
    conversation,
    messages,
    xcomposer,
    sharegpt,
    chatglm3,
    prompt_response,
    text,
)
FORMATS: dict[str, Format] = {module.NAME: module for module in _TRIED}
ALIASES = {
    "xtuner": "conversation",
    "openai": "messages",
    "chat": "messages",
    "prompt": "prompt-response",
    "pairs": "prompt-response",
    "input-output": "prompt-response",
    "completion": "prompt-response",
    "pretrain": "text",
    "pt": "text",
    "txt": "text",
    "xcomposer2": "xcomposer",
    "llava": "xcomposer",
    "advertise-gen": "prompt-response",
}


def by_name(name: str) -> Format:
    """The format of that name (or alias); DataError names the ones there are."""
    wanted = name.lower().replace("_", "-")
    fmt = FORMATS.get(ALIASES.get(wanted, wanted))
    if fmt is None:
        known = ", ".join(FORMATS)
        near = did_you_mean(name, list(FORMATS))
        raise UsageFault(f"There is no format {name!r}", why=f"known formats: {known}", fix=near)
    return fmt


def recognise(raw: Raw) -> Format | None:
    """The format that this object looks like, or None."""
    return next((fmt for fmt in _TRIED if fmt.matches(raw)), None)


def known_columns(names: Iterable[str]) -> bool:
    """Could a table with these columns hold rows of a known format?"""
    raw = dict.fromkeys(names)
    return "conversations" in raw or recognise(raw) is not None


def unknown(raw: Raw) -> Reject:
    """What to say about an object of no known format."""
    if "Instances" in raw and "NLDocumentation" in raw:
        return Reject("an entry of ToolAlpaca: it is read with the format tool-alpaca")
    if "chosen" in raw and "rejected" in raw:
        return Reject("chosen and rejected without instruction, conversations or messages")
    return Reject("no known format has these keys: " + ", ".join(sorted(map(str, raw))[:8]))
