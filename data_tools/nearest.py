"""Did you mean …? The one place that guesses which known word was meant."""

from __future__ import annotations

from collections.abc import Iterable

from data_tools.language import say


def near(word: str, known: Iterable[str], *, count: int = 3, cutoff: float = 0.5) -> list[str]:
    """The known words nearest to ``word``, best first, whatever their case and dashes."""
    import difflib  # costs start-up time, and only a mistake needs it

    plain: dict[str, str] = {}
    for each in known:
        plain.setdefault(_plain(each), each)
    matches = difflib.get_close_matches(_plain(word), plain, n=count, cutoff=cutoff)
    return [plain[match] for match in matches]


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The known word that ``word`` was probably meant to be, or nothing."""
    return "".join(near(word, known, count=1, cutoff=cutoff))


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """The question with the nearest words, ``did you mean a or b?``, or ``otherwise``.

    Names of files are among them: one that a terminal would obey is spelled out.
    """
    matches = [text if text.isprintable() else repr(text) for text in near(word, known)]
    english, chinese = " or ".join(matches), " 或 ".join(matches)
    return say(f"did you mean {english}?", f"是不是想写 {chinese}？") if matches else otherwise


def _plain(word: str) -> str:
    return word.casefold().replace("-", "_")
