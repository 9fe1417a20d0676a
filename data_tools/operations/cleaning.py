"""`clean` and `roleplay`: rules over the texts of rows, every removal with its reason."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from data_tools.account import Account
from data_tools.containers.emitting import reject_row
from data_tools.errors import Reject, UsageFault
from data_tools.formats.emitting import as_row
from data_tools.nearest import did_you_mean
from data_tools.operations.deduping import NEAR
from data_tools.operations.deduping import dedupe as remove_duplicates
from data_tools.rows import Message, Row, with_system

WHALE = "🐳"
PERSONA = "好，我是"
FORMS = ("NFC", "NFD", "NFKC", "NFKD")
Rule = Callable[[str], str]
_FIRST_LINE = re.compile(r"^[^\n]+\n")


def drop_intro(text: str, mark: str = PERSONA) -> str:
    """Without the opening line, when the text introduces a persona ("你好，我是红烧肉").

    As the EmoLLM tutorial does it: the mark may stand anywhere in the text, the first of several
    lines goes, and the rest is stripped. A text of one line stays.
    """
    return _FIRST_LINE.sub("", text.strip(), count=1).strip() if mark in text else text


def answer_rules(
    *,
    emoji: Sequence[str] = (),
    intro: str | None = None,
) -> list[Rule]:
    """The rules for what the assistant says."""
    rules: list[Rule] = []
    for mark in emoji:
        if not mark:
            raise UsageFault("An empty text cannot be dropped", "emoji")
        rules.append(lambda text, mark=mark: text.replace(mark, ""))  # type: ignore[misc]
    if intro == "":
        raise UsageFault(
            "The mark of an introduction is empty", "intro", fix=f"for example {PERSONA}"
        )
    if intro is not None:
        rules.append(lambda text: drop_intro(text, intro))
    return rules


def text_rules(
    *,
    replace: Sequence[tuple[str, str]] = (),
    normalize: str | None = None,
    strip: bool = False,
) -> list[Rule]:
    """The rules for every text of a row."""
    rules: list[Rule] = []
    if normalize is not None:
        if normalize.upper() not in FORMS:
            known = ", ".join(FORMS)
            raise UsageFault(
                f"There is no normal form {normalize!r}", "normalize", f"known: {known}"
            )
        form = normalize.upper()
        rules.append(lambda text: unicodedata.normalize(form, text))  # type: ignore[arg-type]
    for pattern, new in replace:
        rules.append(_replacing(pattern, new))
    if strip:
        rules.append(str.strip)
    return rules


def _replacing(pattern: str, new: str) -> Rule:
    try:
        compiled = re.compile(pattern)
        compiled.sub(new, "")
        re.compile(pattern + "|").sub(new, "")  # a wrong group reference shows only on a match
    except (re.error, IndexError) as error:
        raise UsageFault(
            "This is not a regular expression", f"replace {pattern!r} by {new!r}", str(error)
        ) from error
    return lambda text: compiled.sub(new, text)


def clean(
    rows: Iterable[Row],
    *,
    emoji: Sequence[str] = (),
    intro: str | None = None,
    replace: Sequence[tuple[str, str]] = (),
    normalize: str | None = None,
    strip: bool = False,
    min_chars: int | None = None,
    max_chars: int | None = None,
    min_answer: int | None = None,
    max_answer: int | None = None,
    max_turns: int | None = None,
    dedupe: str | None = None,
    near: float = NEAR,
    account: Account | None = None,
) -> Iterator[Row]:
    """Clean the texts of rows; yields the rows that remain.

    Args:
        emoji: characters to take out of answers (the EmoLLM tutorial: 🐳).
        intro: a mark such as "好，我是": answers that contain it lose their opening line.
        replace: (regular expression, replacement) pairs for every text.
        normalize: a Unicode normal form for every text: NFC, NFKC, …
        strip: white space at both ends of every text.
        min_chars, max_chars: limits for a whole row, in characters without the system text.
        min_answer, max_answer: limits for each answer, in characters.
        max_turns: rows with more answers are left out.
        dedupe: "exact", "near" or "request"; see `dedupe`.
        near: the similarity from which rows count as near-duplicates.
        account: rows left out are rejected there, with the reason; without it, `clean` leaves them
            out and the caller can compare numbers.
    """
    account = account or Account()
    everywhere = text_rules(replace=replace, normalize=normalize, strip=strip)
    answers = answer_rules(emoji=emoji, intro=intro)
    limits = (min_chars, max_chars, min_answer, max_answer, max_turns)
    cleaned = _cleaned(rows, everywhere, answers, limits, account)
    if dedupe is not None:
        return remove_duplicates(cleaned, by=dedupe, near=near, account=account)
    return cleaned


Limits = tuple["int | None", "int | None", "int | None", "int | None", "int | None"]


def _cleaned(
    rows: Iterable[Row],
    everywhere: list[Rule],
    answers: list[Rule],
    limits: Limits,
    account: Account,
) -> Iterator[Row]:
    for value in rows:
        row = as_row(value)
        try:
            new = _apply(row, everywhere, answers, account)
            _check_limits(new, limits)
        except Reject as verdict:
            reject_row(account, verdict, row, asked=True)
            continue
        yield new


def _apply(row: Row, everywhere: list[Rule], answers: list[Rule], account: Account) -> Row:
    lists = {name: row[name] for name in ("messages", "rejected") if name in row}
    new = {name: _clean_messages(held, everywhere, answers) for name, held in lists.items()}
    if new == lists:
        return row
    account.note("rows with a text changed by cleaning")
    new_row = row.changed(**new)
    if "input" in new_row and not new["messages"][-2:][0]["content"].endswith(new_row["input"]):
        del new_row["input"]
    return new_row


def _clean_messages(
    held: list[Message], everywhere: list[Rule], answers: list[Rule]
) -> list[Message]:
    messages: list[Message] = []
    for number, message in enumerate(held, 1):
        content = message.get("content")
        if isinstance(content, str):
            new = content
            for rule in answers if message["role"] == "assistant" else ():
                new = rule(new)
            for rule in everywhere:
                new = rule(new)
            if new != content:
                if not new.strip() and message["role"] != "system":
                    raise Reject("nothing is left of a text after cleaning", f"message {number}")
                message = {**message, "content": new}
        messages.append(message)
    return messages


def _check_limits(row: Row, limits: Limits) -> None:
    min_chars, max_chars, min_answer, max_answer, max_turns = limits
    answers = [len(m["content"]) for m in row["messages"] if m["role"] == "assistant"]
    if min_chars is not None or max_chars is not None:
        size = characters(row)
        if min_chars is not None and size < min_chars:
            raise Reject(f"shorter than {min_chars} characters")
        if max_chars is not None and size > max_chars:
            raise Reject(f"longer than {max_chars} characters")
    if min_answer is not None and any(size < min_answer for size in answers):
        raise Reject(f"an answer shorter than {min_answer} characters")
    if max_answer is not None and any(size > max_answer for size in answers):
        raise Reject(f"an answer longer than {max_answer} characters")
    if max_turns is not None and len(answers) > max_turns:
        raise Reject(f"more than {max_turns} turns")


def characters(row: Row) -> int:
    """The characters of all texts of a row but its system text."""
    return sum(
        len(m["content"])
        for m in row["messages"]
        if m["role"] != "system" and isinstance(m.get("content"), str)
    )


def roleplay(
    rows: Iterable[Row],
    systems: Mapping[str, str],
    *,
    default: str | None = None,
    account: Account | None = None,
) -> Iterator[Row]:
    """Give each row the system text of its source.

    Args:
        systems: file → system text. A file is named by its path, its name, its name without the
            ending, or a pattern ("mother_*.json").
        default: the text for all other sources; None leaves their rows as they are and notes it.
    """
    account = account or Account()
    known: dict[str, str | None] = {}
    used: set[str] = set()
    for value in rows:
        row = as_row(value)
        file = row.source.file
        if file not in known:
            name = next((name for name in systems if _names(name, file)), None)
            known[file] = default if name is None else systems[name]
            used.update([name] if name is not None else [])
        text = known[file]
        if text is None:
            account.note(f"{Path(file).name} has no role of its own: system text left as it was")
            yield row
        else:
            yield with_system(row, text)
    for name in systems.keys() - used:
        near = did_you_mean(name, [Path(file).name for file in known])
        raise UsageFault(
            f"No row came from {name!r}",
            "roleplay",
            "the sources are: " + ", ".join(sorted(known)),
            near or "name a file that is read",
        )


def _names(name: str, file: str) -> bool:
    path = Path(file)
    stem = path.name.removesuffix(".gz").rsplit(".", 1)[0]
    return name in (file, path.name, stem) or fnmatch(path.name, name)
