"""Rows and prompts as tokens, for people. Imported in the engine's own Python by its peek script.

A tokenizer here is any of transformers'; token ids are lists of whole numbers, and a label below 0
is one that is not trained on (-100 everywhere).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

#: Tokens that may be needed for one character; emoji of several code points are decoded apart.
_MOST = 8
#: Equal tokens in a row after which two lists go on together: many, else as few as it takes.
_ANCHORS = (16, 4, 1)
_BROKEN = "\ufffd"
Span = tuple[int, int, int]


def texts(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """What each token says. Of a character made of several tokens all but the last say nothing."""
    found: list[str] = []
    pending: list[int] = []
    for number in ids:
        alone = _text(tokenizer, [number])
        if pending and _BROKEN not in alone:
            found[-1] = _text(tokenizer, pending)
            pending = []
        pending.append(number)
        text = alone if len(pending) == 1 else _text(tokenizer, pending)
        whole = _BROKEN not in text or len(pending) == _MOST
        found.append(text if whole else "")
        pending = [] if whole else pending
    if pending:
        found[-1] = _text(tokenizer, pending)
    return found


def _text(tokenizer: Any, ids: list[int]) -> str:
    if ids[0] < 0:  # the place of a picture
        return f"<{ids[0]}>"
    text = str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))
    # SentencePiece's decoder leaves out the space before a first word.
    spaced = str(name_of(tokenizer, ids[0])).startswith("\u2581") and not text.startswith(" ")
    return f" {text}" if spaced else text


def name_of(tokenizer: Any, number: int) -> str:
    """How the vocabulary spells a token."""
    if number < 0:
        return f"<{number}>"
    name = tokenizer.convert_ids_to_tokens(number)
    return name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)


def part(tokenizer: Any, ids: Sequence[int], labels: Sequence[int], name: str = "") -> Any:
    """One list of tokens that is trained on, as JSON: ids, labels, texts and vocabulary's names."""
    return {
        "name": name,
        "ids": list(ids),
        "labels": list(labels),
        "texts": texts(tokenizer, ids),
        "tokens": [name_of(tokenizer, number) for number in ids],
    }


def trained(labels: Sequence[int]) -> int:
    return sum(label >= 0 for label in labels)


def lost(full: Sequence[int], kept: Sequence[int]) -> list[Span]:
    """Where ``kept`` leaves out something of ``full``: place in full, how many, place in kept.

    Where text repeats itself there are several answers; that with long pieces is taken.
    """
    spans: list[Span] = []
    for anchor in _ANCHORS:
        spans = _aligned(full, kept, anchor)
        if sum(count for _, count, _ in spans) == len(full) - len(kept):
            break
    return spans


def _aligned(full: Sequence[int], kept: Sequence[int], anchor: int) -> list[Span]:
    """Side by side, and after a gap only where ``anchor`` tokens are equal again."""
    spans: list[Span] = []
    at = place = 0
    while at < len(full):
        if place < len(kept) and full[at] == kept[place]:
            at, place = at + 1, place + 1
            continue
        begin = at
        few = list(kept[place : place + anchor])
        while at < len(full) and not (few and list(full[at : at + len(few)]) == few):
            at += 1
        spans.append((begin, at - begin, place))
    return spans


def cuts(tokenizer: Any, full: Mapping[str, Any], kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a cut took from a part: where in what is left, tokens, tokens to train on, text."""
    return [
        {
            "at": place,
            "tokens": count,
            "trained": trained(full["labels"][begin : begin + count]),
            "text": "".join(full["texts"][begin : begin + count]),
        }
        for begin, count, place in lost(full["ids"], kept["ids"])
    ]


def prompt(name: str, tokenizer: Any, ids: Sequence[int]) -> dict[str, Any]:
    """One prompt as JSON."""
    return {"name": name, "ids": list(ids), "texts": texts(tokenizer, ids), "absent": None}


def absent(name: str, why: str) -> dict[str, Any]:
    """A prompt that is not there, and why."""
    return {"name": name, "ids": [], "texts": [], "absent": why}


def own_prompt(tokenizer: Any, system: str | None, user: str) -> dict[str, Any]:
    """The prompt that the tokenizer's own chat template makes of a question."""
    if not getattr(tokenizer, "chat_template", None):
        return absent("tokenizer", "none")
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": user})
    apply = tokenizer.apply_chat_template
    knows = "add_generation_prompt" in signature(apply).parameters  # since transformers 4.35
    try:
        ids = apply(messages, tokenize=True, **({"add_generation_prompt": True} if knows else {}))
    except Exception as error:  # a template is a program of the model's authors
        return absent("tokenizer", f"{type(error).__name__}: {error}"[:300])
    return prompt("tokenizer", tokenizer, ids["input_ids"] if hasattr(ids, "keys") else ids)


def facts(tokenizer: Any) -> dict[str, Any]:
    """What a tokenizer is."""
    return {
        "class": type(tokenizer).__name__,
        "size": len(tokenizer),
        "bos": tokenizer.bos_token,
        "eos": tokenizer.eos_token,
        "pad": tokenizer.pad_token,
    }
