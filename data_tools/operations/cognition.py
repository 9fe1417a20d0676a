"""`self_cognition`: rows that teach a model whose assistant it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from data_tools.errors import UsageFault
from data_tools.rows import Row, Source

SOURCE = Source("(self-cognition)", "row", format="conversation")

ZH_QUESTIONS = (
    "请做一下自我介绍",
    "你是谁？",
    "请介绍一下你自己",
    "你叫什么名字？",
    "你是谁开发的？",
    "你是哪位的助手？",
)
ZH_ANSWERS = (
    "我是{name}的小助手{by}，很高兴为您服务。",
    "您好，我是{name}的专属助手{by}，请问有什么可以帮您？",
    "我是{name}的智能助手{by}，可以回答您的问题，也可以陪您聊天。",
)
EN_QUESTIONS = (
    "Hello, please introduce yourself.",
    "Who are you?",
    "What is your name?",
    "Who made you?",
    "Whose assistant are you?",
    "Tell me about yourself.",
)
EN_ANSWERS = (
    "I am {name}'s assistant{by}. How can I help you?",
    "Hello, I am the assistant of {name}{by}, glad to be of service.",
    "I am {name}'s own AI assistant{by}; ask me anything.",
)
_BY = {"zh": "，由{maker}训练", "en": ", made by {maker}"}
_SETS = {"zh": (ZH_QUESTIONS, ZH_ANSWERS), "en": (EN_QUESTIONS, EN_ANSWERS)}


def self_cognition(
    *,
    name: str,
    maker: str | None = None,
    variants: int | Sequence[tuple[str, str]] | None = None,
    repeats: int = 1,
    language: str = "zh",
    system: str | None = None,
) -> Iterator[Row]:
    """Yield rows in which the model says that it is `name`'s assistant.

    Args:
        name: whose assistant; any text, it is never read as code or as a template.
        maker: who trained it, when that should be said.
        variants: how many different question and answer pairs (6 by default, at most 18 a
            language), or the pairs themselves; `{name}` and `{maker}` in them are replaced.
        repeats: how often each pair comes; the homework wants the answer to win, so often.
        language: "zh", "en" or "both".
        system: a system text for all rows.

    Raises:
        DataError: an empty name, an unknown language, a count below 1.
    """
    if not name.strip():
        raise UsageFault("The assistant needs an owner's name", "name", "it is empty")
    if repeats < 1:
        raise UsageFault("repeats must be at least 1", "repeats", f"it is {repeats}")
    pairs = _pairs(variants, language, maker)
    return _rows(pairs, name, maker or "", repeats, system)


def _pairs(
    variants: int | Sequence[tuple[str, str]] | None, language: str, maker: str | None
) -> list[tuple[str, str]]:
    if isinstance(variants, Sequence):
        return [(asked, answer) for asked, answer in variants]
    languages = ("zh", "en") if language == "both" else (language,)
    if any(tag not in _SETS for tag in languages):
        raise UsageFault(f"There is no language {language!r}", "language", "known: zh, en, both")
    found: list[tuple[str, str]] = []
    for tag in languages:
        by = _BY[tag] if maker else ""
        questions, answers = _SETS[tag]
        every = [
            (asked, answers[(i + turn) % len(answers)].replace("{by}", by))
            for turn in range(len(answers))
            for i, asked in enumerate(questions)
        ]
        count = len(questions) if variants is None else variants
        if not 1 <= count <= len(every):
            raise UsageFault(f"variants must be from 1 to {len(every)}", "variants", f"{variants}")
        found += every[:count]
    return found


def _rows(
    pairs: list[tuple[str, str]], name: str, maker: str, repeats: int, system: str | None
) -> Iterator[Row]:
    at = 0
    for _ in range(repeats):
        for asked, answer in pairs:
            at += 1
            messages = [{"role": "system", "content": system}] if system is not None else []
            messages.append({"role": "user", "content": _filled(asked, name, maker)})
            messages.append({"role": "assistant", "content": _filled(answer, name, maker)})
            yield Row(messages=messages, source=SOURCE, at=at)


def _filled(text: str, name: str, maker: str) -> str:
    """Put the names in, once each: a name with braces in it stays as it is."""
    parts = text.split("{name}")
    return name.join(part.replace("{maker}", maker) for part in parts)
