"""The data commands: `recipe data …`, or `python -m data_tools …`."""

from __future__ import annotations

from typing import Any

import click

from data_tools.cli import inspect as inspect  # adds its commands to the group
from data_tools.cli.support import (
    accounting,
    data,
    output,
    reading,
    reading_options,
    run_pipeline,
    seeded,
    sources,
    take_output,
    text_of,
    to_format,
    to_same,
    writing,
)

__all__ = ["data"]


def _convert(
    sources: tuple[str, ...], output: str | None, steps: dict[str, Any], given: dict[str, Any]
) -> None:
    paths, target = take_output(sources, output)
    source = {"files": paths, "steps": steps}
    run_pipeline([source], reading_options(given), [target], "converting", given)


@data.command()
@sources
@output
@to_format
@reading
@writing
@accounting
def convert(sources: tuple[str, ...], output: str | None, **given: Any) -> None:
    """Convert files, folders or patterns into one file of another format.

    What is in a file is found by looking into it: JSON, JSON lines, CSV, TSV, workbooks, Parquet,
    plain text, each also gzipped.

    \b
    recipe data convert MedQA2019.xlsx train.jsonl --columns input=A,output=D --system "…"
    recipe data convert data.json -o alpaca.json --to alpaca --indent 4
    """
    _convert(sources, output, {}, given)


@data.command()
@sources
@output
@to_same
@reading
@writing
@accounting
def merge(sources: tuple[str, ...], output: str | None, **given: Any) -> None:
    """Put files into one, one after the other."""
    _convert(sources, output, {}, given)


@data.command()
@sources
@output
@to_same
@click.option("--emoji", multiple=True, metavar="TEXT", help="Take it out of answers (🐳).")
@click.option(
    "--intro",
    metavar="MARK",
    help="Answers with this mark (好，我是) lose their opening line.",
)
@click.option(
    "--emollm", is_flag=True, help="The EmoLLM tutorial's rules: --emoji 🐳 --intro 好，我是"
)
@click.option("--replace", nargs=2, multiple=True, metavar="REGEX TEXT", help="In every text.")
@click.option("--normalize", metavar="FORM", help="A Unicode normal form: NFC, NFKC, …")
@click.option("--strip", is_flag=True, help="White space at both ends of texts.")
@click.option("--min-chars", type=int, help="Leave out shorter rows (without system text).")
@click.option("--max-chars", type=int, help="Leave out longer rows.")
@click.option("--min-answer", type=int, help="Leave out rows with a shorter answer.")
@click.option("--max-answer", type=int, help="Leave out rows with a longer answer.")
@click.option("--max-turns", type=int, help="Leave out rows with more turns.")
@click.option("--dedupe", type=click.Choice(["exact", "request", "near"]), help="See dedupe.")
@click.option("--near", type=float, default=0.5, show_default=True, help="Similarity.")
@reading
@writing
@accounting
def clean(sources: tuple[str, ...], output: str | None, emollm: bool, **given: Any) -> None:
    """Clean texts: drop emoji and persona lines, replace, normalise, limit, remove duplicates.

    \b
    recipe data clean single_turn_dataset_1.json -o clean.json --emollm --to alpaca
    """
    from data_tools.operations.cleaning import PERSONA, WHALE

    names = [
        *("emoji", "intro", "replace", "normalize", "strip", "min_chars", "max_chars"),
        *("min_answer", "max_answer", "max_turns", "dedupe", "near"),
    ]
    rules = {name: given.pop(name) for name in names}
    if emollm:
        rules.update(emoji=(*rules["emoji"], WHALE), intro=rules["intro"] or PERSONA)
    _convert(sources, output, {"clean": rules}, given)


@data.command()
@sources
@output
@to_same
@click.option("--by", type=click.Choice(["exact", "request", "near"]), default="exact")
@click.option("--near", type=float, default=0.5, show_default=True, help="Similarity.")
@reading
@writing
@accounting
def dedupe(
    sources: tuple[str, ...], output: str | None, by: str, near: float, **given: Any
) -> None:
    """Leave out rows that came before: exact, the same question, or near-duplicates."""
    _convert(sources, output, {"dedupe": {"by": by, "near": near}}, given)


@data.command()
@sources
@output
@to_same
@click.option("--role", multiple=True, metavar="FILE=TEXT", help="A source's system text.")
@click.option("--role-file", multiple=True, metavar="FILE=PATH", help="… from a text file.")
@click.option("--default", "fallback", help="The system text of all other sources.")
@reading
@writing
@accounting
def roleplay(
    sources: tuple[str, ...],
    output: str | None,
    role: tuple[str, ...],
    role_file: tuple[str, ...],
    fallback: str | None,
    **given: Any,
) -> None:
    """Give the rows of each source its own system text.

    \b
    recipe data roleplay aiwei.json tiangou.json -o roles.jsonl \\
        --role "aiwei.json=现在你是…" --role "tiangou.json=…"
    """
    systems = dict(_pair(text, "--role") for text in role)
    for text in role_file:
        name, path = _pair(text, "--role-file")
        systems[name] = text_of(path, "--role-file")
    if not systems and fallback is None:
        raise click.UsageError("give at least one --role, --role-file or --default")
    options = {**systems, **({"default": fallback} if fallback is not None else {})}
    _convert(sources, output, {"roleplay": options}, given)


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"{option} {text!r}: write FILE=…")
    return name, value


@data.command()
@sources
@click.option("-o", "--output", help="The training file; SOURCE-train.jsonl by default.")
@click.option("--test-output", help="The other file; OUTPUT with test for train by default.")
@click.option("--train", default="0.7", show_default=True, help="A ratio (0.7) or a count (482).")
@click.option("--test", help="Likewise; by default all the rest.")
@seeded
@click.option("--group", type=click.Choice(["request", "row"]), help="Keep equal rows together.")
@click.option("--stratify", type=click.Choice(["source"]), help="The same share of each file.")
@to_same
@reading
@writing
@accounting
def split(
    sources: tuple[str, ...],
    output: str | None,
    test_output: str | None,
    train: str,
    test: str | None,
    **given: Any,
) -> None:
    """Split into a training and a test file, the same in every run and order of rows.

    A ratio floors, as in the tutorial: 0.7 of 690 rows is 482. With --group request, rows that ask
    the same thing stay on one side.

    \b
    recipe data split all.jsonl -o train.jsonl --test-output test.jsonl --train 0.7
    """
    from data_tools.operations.splitting import Split

    first, second = _outputs(sources[0], output, test_output)
    sides = {name: given.pop(name) for name in ("group", "stratify")}
    split = Split(train=_share(train), test=None if test is None else _share(test), **sides)
    reading = reading_options(given)
    run_pipeline(
        [{"files": list(sources)}], reading, [first, second], "splitting", given, split=split
    )


def _outputs(source: str, output: str | None, test_output: str | None) -> tuple[str, str]:
    from pathlib import Path

    if output is None and (source == "-" or any(mark in source for mark in "*?[")):
        raise click.UsageError("name the training file with -o")
    first = output or str(Path(source).with_suffix("")) + "-train.jsonl"
    if test_output is None:
        path = Path(first)
        name = path.name
        renamed = name.replace("train", "test") if "train" in name else f"test-{name}"
        test_output = str(path.with_name(renamed))
    return first, test_output


def _share(text: str) -> float | int:
    try:
        if text.endswith("%"):
            return float(text[:-1]) / 100
        return float(text) if "." in text or "e" in text.lower() else int(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is neither a ratio nor a number of rows") from None


@data.command()
@sources
@output
@click.option("--weights", help="The sources' shares, like 0.7,0.3, instead of #counts.")
@click.option("--total", type=click.IntRange(1), help="With weights: rows in all.")
@click.option("--shuffle/--no-shuffle", default=True, help="Seeded order (default).")
@seeded
@to_same
@reading
@writing
@accounting
def mix(sources: tuple[str, ...], output: str | None, weights: str | None, **given: Any) -> None:
    """Mix files: all rows, PATH#500 rows, PATH#0.5 of them, or PATH#200%; then shuffle.

    \b
    recipe data mix ruozhiba.jsonl#200 self.jsonl#300% -o mixed.jsonl
    """
    from data_tools.operations.mixing import parse_spec

    paths, target = take_output(sources, output)
    try:
        numbers = [float(part) for part in weights.split(",")] if weights else None
    except ValueError:
        raise click.UsageError(f"--weights {weights!r}: write numbers like 0.7,0.3") from None
    specs = [parse_spec(path) for path in paths]
    if numbers is not None and len(numbers) != len(specs):
        raise click.UsageError(f"--weights: {len(numbers)} numbers for {len(specs)} sources")
    if numbers is not None and any(count is not None for _, count in specs):
        raise click.UsageError("--weights and #counts exclude each other: give one of them")
    inputs = [{"files": path, "count": count} for path, count in specs]
    for source, number in zip(inputs, numbers or [], strict=False):
        source["weight"] = number
    run_pipeline(inputs, reading_options(given), [target], "mixing", given)
