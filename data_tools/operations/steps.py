"""The operations that see one row after the other: `clean: {…}`, `roleplay: {…}`, `dedupe: …`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from data_tools.account import Account
from data_tools.containers.emitting import reject_row
from data_tools.errors import Reject, UsageFault
from data_tools.nearest import did_you_mean
from data_tools.rows import MARKS, Row

CHANGING = {"clean", "roleplay", "media"}
"""Steps after which a row cannot be written as it was, but in its own format."""
REQUIRED = {
    "rejected": "it has no chosen and rejected answers",
    "kto_tag": "it has no kto_tag (or label) that is true or false",
}
Step = Callable[[Iterable[Row], Any, Account], Iterable[Row]]


def apply_steps(
    rows: Iterable[Row], steps: Mapping[str, Any], *, account: Account | None = None
) -> Iterator[Row]:
    """Pass rows through operations in the order of the keys.

    Keys and their values:
        clean: the keyword arguments of `clean`; `replace` also as {pattern: text}
        roleplay: {file: system text, …}, `default` among them for all others
        dedupe: exact, request or near, or {by: near, near: 0.9}
        media: a folder: paths of images, videos and audios that name files in it become absolute
        require: rejected or kto_tag: rows without it cannot be used
        order: conversation: rows whose turns stand in no order of a conversation cannot be used

    Raises:
        DataError: an unknown key or option, with the nearest known one.
    """
    account = account or Account()
    for name, options in steps.items():
        step = STEPS.get(name)
        if step is None:
            known = ", ".join(STEPS)
            near = did_you_mean(name, list(STEPS))
            raise UsageFault(f"There is no operation {name!r}", "data", f"known: {known}", near)
        rows = step(rows, options, account)
    return iter(rows)


def _clean(rows: Iterable[Row], options: Any, account: Account) -> Iterable[Row]:
    from data_tools.operations.cleaning import clean

    given = dict(_options("clean", clean, options))
    if isinstance(given.get("replace"), Mapping):
        given["replace"] = list(given["replace"].items())
    if isinstance(given.get("emoji"), str):
        given["emoji"] = [given["emoji"]]
    return clean(rows, account=account, **given)


def _roleplay(rows: Iterable[Row], options: Any, account: Account) -> Iterable[Row]:
    from data_tools.operations.cleaning import roleplay

    if not isinstance(options, Mapping):
        raise UsageFault("roleplay needs file: system text pairs", "data.roleplay")
    systems = {str(key): str(value) for key, value in options.items() if key != "default"}
    return roleplay(rows, systems, default=options.get("default"), account=account)


def _dedupe(rows: Iterable[Row], options: Any, account: Account) -> Iterable[Row]:
    from data_tools.operations.deduping import dedupe

    given = {"by": options} if isinstance(options, str) else _options("dedupe", dedupe, options)
    return dedupe(rows, account=account, **given)


def _require(rows: Iterable[Row], options: Any, account: Account) -> Iterable[Row]:
    if options not in REQUIRED:
        raise UsageFault(f"{options!r} cannot be required", why="require: " + ", ".join(REQUIRED))
    return _with(rows, options, account)


def _with(rows: Iterable[Row], options: str, account: Account) -> Iterator[Row]:
    for row in rows:
        if options in row:
            yield row
        else:
            reject_row(account, Reject(REQUIRED[options]), row)


def _order(rows: Iterable[Row], options: Any, account: Account) -> Iterable[Row]:
    from data_tools.operations.conversing import in_order

    if options != "conversation":
        raise UsageFault(f"There is no order {options!r}", "data.order", "order: conversation")
    return in_order(rows, account)


def _media(rows: Iterable[Row], options: Any, account: Account) -> Iterator[Row]:
    folder = Path(options)
    for row in rows:
        held = {kind: _found(row[kind], folder) for kind in MARKS if kind in row}
        yield row.changed(**held) if held else row


def _found(path: Any, folder: Path) -> Any:
    """The path as it is, or absolute when it names a file in the folder."""
    if isinstance(path, list):
        return [_found(part, folder) for part in path]
    return str((folder / path).resolve()) if (folder / path).is_file() else path


def _options(name: str, function: Callable[..., Any], options: Any) -> Mapping[str, Any]:
    if not isinstance(options, Mapping):
        raise UsageFault(f"{name} needs options", f"data.{name}", f"it is {options!r}")
    known = [
        key for key in inspect.signature(function).parameters if key not in ("rows", "account")
    ]
    for key in options:
        if key not in known:
            why = "known: " + ", ".join(known)
            raise UsageFault(
                f"{name} has no option {key!r}", f"data.{name}", why, did_you_mean(key, known)
            )
    return options


STEPS: dict[str, Step] = {
    "clean": _clean,
    "roleplay": _roleplay,
    "dedupe": _dedupe,
    "require": _require,
    "order": _order,
    "media": _media,
}
