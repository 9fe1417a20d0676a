"""What an engine saw, as figures and words for people: the card, the page and JSON say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from statistics import median
from typing import Any

from orchestrator.report.page import page

Words = tuple[str, str]
"""English and Chinese."""
#: Name of a prompt -> what it is called.
PROMPTS: Mapping[str, Words] = {
    "training": ("training", "训练"),
    "chat": ("the engine's chat", "引擎的对话"),
    "tokenizer": ("the tokenizer's own chat template", "分词器自带的对话模板"),
}
#: Differences that are told one by one.
_TOLD = 3
_LONG = 60


def summary(seen: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine saw (docs/peek.md), with the figures of its rows and the differences between
    its prompts in both languages."""
    shown = [
        {**row, "differences": list(differences(row["prompts"], row["system"]))}
        for row in seen["shown"]
    ]
    return {**seen, "about": _rows(seen["rows"]), "shown": shown}


def html(found: Mapping[str, Any]) -> str:
    """The page of a summary. It carries its figures, and of the rows those that are shown."""
    kept = {key: value for key, value in found.items() if key != "rows"}
    return page("peek.html.jinja", {**kept, "tool": "recipe"}, runs=runs, prompts=PROMPTS)


def _rows(rows: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Of [number, tokens, tokens kept, tokens trained on]: how many, how long, which are cut."""
    lengths = [length for _, length, _, _ in rows]
    return {
        "count": len(rows),
        "tokens": sum(kept for _, _, kept, _ in rows),
        "trained": sum(trained for _, _, _, trained in rows),
        "shortest": min(lengths, default=0),
        "median": int(median(lengths)) if lengths else 0,
        "longest": max(lengths, default=0),
        "cut": [number for number, length, kept, _ in rows if 0 < kept < length],
        "dropped": [number for number, _, kept, _ in rows if not kept],
        "untrained": [number for number, _, kept, trained in rows if kept and not trained],
    }


def runs(part: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """The text of a row in pieces: (whether it is trained on, text)."""
    text, state = "", None
    for label, more in zip(part["labels"], part["texts"], strict=True):
        if state is not None and (label >= 0) is not state:
            yield state, text
            text = ""
        state, text = label >= 0, text + more
    if state is not None:
        yield state, text


def differences(prompts: Sequence[Mapping[str, Any]], system: str | None) -> Iterator[Words]:
    """How the other prompts differ from the training's, in words; a prompt that is equal or absent
    says nothing."""
    usual, *others = prompts or [{}]
    for other in others:
        if not other["absent"]:
            for english, chinese in _between(usual, other, system):
                name = PROMPTS[other["name"]]
                yield f"{name[0]}: {english}", f"{name[1]}：{chinese}"


def _between(
    usual: Mapping[str, Any], other: Mapping[str, Any], system: str | None
) -> Iterator[Words]:
    if usual["ids"] == other["ids"]:
        return
    mine, theirs = "".join(usual["texts"]), "".join(other["texts"])
    if mine == theirs:
        yield "the same text in other tokens", "文本相同，分词不同"
        return
    if system and system.strip() in mine and system.strip() not in theirs:
        yield "without the row's system text", "没有该行的系统提示"
    pairs = list(_changed(usual["texts"], other["texts"]))
    for before, after in pairs[:_TOLD]:
        yield _in_words(_quoted(before), _quoted(after))
    if len(pairs) > _TOLD:
        more = len(pairs) - _TOLD
        yield f"and {more} more places", f"另有 {more} 处"


def _changed(mine: Sequence[str], theirs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What stands in the other prompt where something stands in this one; either may be empty."""
    for tag, a, b, c, d in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if tag != "equal":
            yield "".join(mine[a:b]), "".join(theirs[c:d])


def _in_words(before: str, after: str) -> Words:
    if not before:
        return f"{after} more than in training", f"比训练多出 {after}"
    if not after:
        return f"{before} of the training is missing", f"缺少训练时的 {before}"
    return f"{after} where training has {before}", f"训练时的 {before} 在此为 {after}"


def _quoted(text: str) -> str:
    """Text in which line ends can be seen, shortened in its middle; empty stays empty."""
    if not text:
        return ""
    line = text.replace("\n", "⏎")
    if len(line) > _LONG:
        line = f"{line[: _LONG // 2]}…{line[-_LONG // 2 :]}"
    return f"“{line}”"
