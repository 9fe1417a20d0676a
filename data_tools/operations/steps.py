"""The operations as keys of a recipe: `clean: {…}`, `roleplay: {…}`, `dedupe: …`, `sample: …`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from data_tools.account import Account
from data_tools.containers.emitting import reject_row
from data_tools.errors import DataError, Reject, did_you_mean
from data_tools.rows import Row

Step = Callable[[Iterable[Row], Any, Account], Iterable[Row]]


def apply_steps(
    rows: Iterable[Row], steps: Mapping[str, Any], *, account: Account | None = None
) -> Iterator[Row]:
    """Pass rows through operations in the order of the keys.

    Keys and their values:
        clean: the keyword arguments of `clean`; `replace` also as {pattern: text}
        roleplay: {file: system text, …}, `default` among them for all others
        dedupe: exact, request or near, or {by: near, near: 0.9}
        sample: a number of rows, a share (0.5), or {count: …, seed: …}

    Raises:
        DataError: an unknown key or option, with the nearest known one.
    """
    account = account or Account()
    for name, options in steps.items():
        step = STEPS.get(name)
        if step is None:
            known = ", ".join(STEPS)
            near = did_you_mean(name, list(STEPS))
            raise DataError(f"There is no operation {name!r}", "data", f"known: {known}", near)
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
        raise DataError("roleplay needs file: system text pairs", "data.roleplay")
    systems = {str(key): str(value) for key, value in options.items() if key != "default"}
    return roleplay(rows, systems, default=options.get("default"), account=account)


def _dedupe(rows: Iterable[Row], options: Any, account: Account) -> Iterable[Row]:
    from data_tools.operations.deduping import dedupe

    given = {"by": options} if isinstance(options, str) else _options("dedupe", dedupe, options)
    return dedupe(rows, account=account, **given)


def _sample(rows: Iterable[Row], options: Any, account: Account) -> Iterable[Row]:
    from data_tools.operations.mixing import draw, how_many
    from data_tools.operations.ordering import ordered

    given = options if isinstance(options, Mapping) else {"count": options}
    wrong = set(given) - {"count", "seed"}
    if wrong or "count" not in given:
        raise DataError("sample needs a count", "data.sample", fix="sample: {count: 500, seed: 0}")
    held, order = ordered(rows, given.get("seed", 0))
    chosen = draw(order, range(len(held)), how_many(given["count"], len(held)))
    account.read += max(0, len(chosen) - len(held))
    for index in sorted(set(range(len(held))) - set(chosen)):
        reject_row(account, Reject("not drawn (down-sampling)"), held[index], asked=True)
    return [held[index] for index in chosen]


def _options(name: str, function: Callable[..., Any], options: Any) -> Mapping[str, Any]:
    if not isinstance(options, Mapping):
        raise DataError(f"{name} needs options", f"data.{name}", f"it is {options!r}")
    known = [
        key for key in inspect.signature(function).parameters if key not in ("rows", "account")
    ]
    for key in options:
        if key not in known:
            why = "known: " + ", ".join(known)
            raise DataError(
                f"{name} has no option {key!r}", f"data.{name}", why, did_you_mean(key, known)
            )
    return options


STEPS: dict[str, Step] = {
    "clean": _clean,
    "roleplay": _roleplay,
    "dedupe": _dedupe,
    "sample": _sample,
}
