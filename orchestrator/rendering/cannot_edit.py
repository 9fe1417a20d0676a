"""Why a config's text has no such place, in words."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.base.language import say


class CannotEdit(Exception):
    """Why the text has no such place, and what was probably meant."""

    def __init__(self, what: str, *, known: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.known = known


def no_variable(name: str, known: Iterable[str]) -> CannotEdit:
    what = say(f"the config has no {name}", f"配置中没有 {name}")
    return CannotEdit(what, known=tuple(known))


def no_place(place: str, known: Iterable[str]) -> CannotEdit:
    return CannotEdit(say(f"there is no {place}", f"没有 {place}"), known=tuple(known))


def no_key(place: str, key: str, known: Iterable[str]) -> CannotEdit:
    return CannotEdit(say(f"{place} has no {key}", f"{place} 没有 {key}"), known=tuple(known))


def no_item(place: str, count: int) -> CannotEdit:
    return CannotEdit(
        say(f"{place} has {count} items, counted from 0", f"{place} 有 {count} 项，从 0 数起")
    )


def no_keys(place: str, source: str) -> CannotEdit:
    return CannotEdit(
        say(f"{place} is {source}, which has no keys", f"{place} 是 {source}，它没有键")
    )


def no_list(place: str) -> CannotEdit:
    return CannotEdit(
        say(f"{place} is no list, so nothing can be appended", f"{place} 不是列表，无法追加")
    )


def no_keyword(key: str) -> CannotEdit:
    return CannotEdit(
        say(f"{key!r} cannot be a key of dict(...)", f"{key!r} 不能作为 dict(...) 的键")
    )
