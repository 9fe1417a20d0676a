"""What the data stage says of rows: how they were drawn, what was left out, and what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.engines.job import Job

if TYPE_CHECKING:
    from data_tools import Account, DataError, Outcome

_OPTION = re.compile(r"--(encoding|format|columns|sheet) ([^\s;,)]+(?:,[a-z]+=[^\s;,)]+)*)")


def drawn(job: Job, names: Sequence[str], outcome: Outcome) -> Iterator[str]:
    """What was drawn of each source, in words; ``names`` are those of the sources."""
    recipe = job.recipe
    if any(found.source.weight is not None for found in job.file_sources):
        mixed = _each(names, [own.written for own in outcome.inputs])
        yield say(f"mixed by weight: {mixed}", f"按权重混合：{mixed}")
    left = (
        outcome.account.rejects[f"not drawn (at most {recipe.train.max_samples:,} rows)"]
        if recipe.train.max_samples
        else 0
    )
    if left:
        train, seed = outcome.written[0], recipe.data.split.seed
        each = _each(names, outcome.shares[0])
        yield say(
            f"max_samples: {train} of {train + left} rows, drawn over all sources with seed "
            f"{seed} ({each})",
            f"max_samples：从所有数据来源的 {train + left} 行中抽取 {train} 行，"
            f"种子 {seed}（{each}）",
        )
    if job.unchecked:
        yield say(f"expect is not checked: {job.unchecked}", f"未核对 expect：{job.unchecked}")


def _each(names: Sequence[str], rows: Sequence[int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in zip(names, rows, strict=True))


def dropped(account: Account) -> Iterator[str]:
    """What ``data.drop`` left out."""
    if account.dropped:
        fields = ", ".join(
            say(f"{name} ({rows} rows)", f"{name}（{rows} 行）")
            for name, rows in account.dropped.items()
        )
        yield say(f"left out as data.drop says: {fields}", f"按 data.drop 略去：{fields}")


def _as_keys(fix: str) -> str:
    """Options of `recipe data` as the keys of a source that stand for them in a recipe."""
    keys = _OPTION.sub(lambda found: f"{found[1]}: {_value(found[2])}", fix)
    return (
        fix
        if keys == fix
        else say(
            f"in that source of data.sources, {keys}", f"请在 data.sources 的该数据来源中写 {keys}"
        )
    )


def _value(text: str) -> str:
    """`input=A,output=D` as `{input: A, output: D}`."""
    pairs = [pair.replace("=", ": ") for pair in text.split(",")]
    return f"{{{', '.join(pairs)}}}" if "=" in text else text


def in_recipe_words(error: DataError, stored: Path, others: Sequence[str]) -> RecipeError:
    """The same error with the recipe's own keys as the next step; ``others``: row formats."""
    from data_tools import Lossy, TooManyRejects
    from data_tools.containers.rejects import failed_rejects_for

    fix = _as_keys(error.fix)
    if isinstance(error, TooManyRejects):
        rejected, given = failed_rejects_for(stored), f"--set data.max_rejects={error.faults}"
        fix = say(
            f"correct these rows, or leave them out: {given}; every rejected row is in {rejected}",
            f"请改正这些行，或略去它们：{given}；所有被拒绝的行都在 {rejected}",
        )
    if isinstance(error, Lossy):
        fields = ", ".join(error.fields)
        given = f"--set 'data.drop=[{fields}]'"
        fix = say(f"leave it out on purpose: {given}", f"若确实要略去：{given}")
        if "tools" in error.fields and others:
            given = f"--set data.rows={others[0]}"
            fix += say(f", or let the engine have it: {given}", f"，或交给引擎：{given}")
    return RecipeError(
        error.what, where=error.where or None, why=error.why or None, fix=fix or None
    )
