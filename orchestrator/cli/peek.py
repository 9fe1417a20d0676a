"""`recipe peek`: the tokens and prompts that the engine will really see, before it trains."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from orchestrator.base.language import say
from orchestrator.cli.completing import RecipeName, ReleaseName
from orchestrator.cli.groups import Command, MayStandAlone
from orchestrator.cli.options import json_option, param_option, set_option
from orchestrator.cli.output import colour, echo, echo_json
from orchestrator.cli.table import columns

#: Row numbers that are named one by one.
_NAMED = 8
Lines = Iterator[tuple[str, str]]
Part = Mapping[str, Any]


@click.command(cls=Command)
@click.argument("recipe", type=RecipeName())
@set_option
@param_option
@click.option("--engine", type=ReleaseName(), metavar="NAME@VERSION", help="Use this release.")
@click.option(
    "--row", "rows", multiple=True, type=click.IntRange(min=1), metavar="N", help="This row."
)
@click.option(
    "--rows", "first", type=click.IntRange(min=0), default=1, metavar="N", help="The first N rows."
)
@click.option(
    "--sequence", type=click.IntRange(min=1), metavar="N", help="A packed sequence, whole."
)
@click.option("--table", is_flag=True, help="Every token beside its label.")
@click.option(
    "--rehearse",
    cls=MayStandAlone,
    alone="auto",
    type=click.Choice(["auto", "own", "native"]),
    metavar="[=own|=native]",
    help="Look at it as a rehearsal: a few rows, and the stand-in's tokenizer.",
)
@click.option(
    "--python",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A Python of your own that holds the engine.",
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a page."
)
@json_option
def peek(
    recipe: str,
    rehearse: str | None,
    table: bool,
    html: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Show what the engine will see of the rows of RECIPE, made by its own data pipeline.

    Tokens that are trained on stand out, in colour or between ⟦ and ⟧. Rows are counted from 1 as
    they are trained on. Only the tokenizer is needed, and no GPU; no weights are fetched.
    """
    from orchestrator.base.files import write_atomic
    from orchestrator.report.peek import html as page_of
    from orchestrator.report.peek import summary
    from orchestrator.running.peeking import peek as look

    standin: Any = None if rehearse == "auto" else rehearse
    found = summary(look(recipe, rehearse=rehearse is not None, standin=standin, **given))
    if html is not None:
        write_atomic(html, page_of(found))
    if as_json:
        echo_json(found)
    elif html is not None:
        echo(str(html))
    else:
        _print(found, table)


def _print(found: dict[str, Any], table: bool) -> None:
    tokenizer = found["tokenizer"]["class"]
    head = say(
        f"{found['recipe']}, {found['engine']}: template {found['template']}, {tokenizer} of "
        f"{found['model']}",
        f"{found['recipe']}，{found['engine']}：模板 {found['template']}，"
        f"{found['model']} 的 {tokenizer}",
    )
    echo(head, bold=True)
    if found["rehearsal"]:
        echo(_rehearsed(found["rehearsal"]), fg="yellow")
    for line in columns([*_figures(found)], limit=12):
        echo(f"  {line}")
    for warning in found["warnings"]:
        echo(f"  {say('warning', '注意')}: {warning}", fg="yellow")
    for row in found["shown"]:
        _print_row(row, table)
    if found["sequence"]:
        echo(say("\npacked sequence", "\n打包序列"), bold=True)
        _print_part(found["sequence"], table)


def _rehearsed(standin: str) -> str:
    if standin == "own":
        return say(
            "REHEARSAL: a few rows; the tokenizer is the model's own.",
            "预演（REHEARSAL）：只有几行数据；分词器是模型自己的。",
        )
    return say(
        "REHEARSAL: a few rows and a stand-in's tokenizer, made from them; the model's own counts "
        "other tokens.",
        "预演（REHEARSAL）：只有几行数据，分词器是由这些数据做成的替身；模型自己的分词会不同。",
    )


def _figures(found: Mapping[str, Any]) -> Lines:
    about, figures = found["about"], found["figures"]
    share = about["trained"] / about["tokens"] if about["tokens"] else 0
    yield (
        say("rows", "数据行"),
        say(
            f"{about['count']:,} of {about['shortest']:,} to {about['longest']:,} tokens, median "
            f"{about['median']:,}; {about['tokens']:,} in all, {share:.0%} trained on",
            f"{about['count']:,} 行，每行 {about['shortest']:,} 到 {about['longest']:,} 个 token，"
            f"中位数 {about['median']:,}；共 {about['tokens']:,} 个，{share:.0%} 参与训练",
        ),
    )
    limit = found["limit"]
    for key, words in (
        ("cut", say(f"cut at {limit:,} tokens", f"在 {limit:,} 个 token 处截断") if limit else ""),
        ("dropped", say("dropped in silence", "被悄悄丢弃")),
        ("untrained", say("nothing in them is trained on", "没有参与训练的内容")),
    ):
        if about[key]:
            yield say("rows", "数据行") + " !", f"{len(about[key]):,} {words}: {_named(about[key])}"
    if limit and not about["cut"] and not about["dropped"]:
        none = say(f"none is longer than {limit:,}", f"没有超过 {limit:,} 的行")
        yield say("cut", "截断"), none
    if found["packed"]:
        yield say("packed", "打包"), _packed(found["packed"])
    steps = figures.get("optimizer_steps")
    if steps is not None:
        epoch = figures.get("iterations_per_epoch") or figures.get("steps_per_epoch")
        yield (
            say("steps", "步数"),
            say(
                f"{steps:,} optimizer steps ({epoch:,} batches or steps an epoch)",
                f"{steps:,} 个优化步（每轮 {epoch:,}）",
            ),
        )


def _named(numbers: Sequence[int]) -> str:
    more = ", …" if len(numbers) > _NAMED else ""
    return ", ".join(map(str, numbers[:_NAMED])) + more


def _packed(lines: Sequence[Sequence[int]]) -> str:
    tokens, padding = sum(one[0] for one in lines), sum(one[2] for one in lines)
    text = say(
        f"{len(lines):,} sequences, {tokens:,} tokens",
        f"{len(lines):,} 个序列，{tokens:,} 个 token",
    )
    filled = say(f", {padding:,} of them padding", f"，其中 {padding:,} 个是填充")
    return text + (filled if padding else "")


def _print_row(row: Mapping[str, Any], table: bool) -> None:
    title = say(f"row {row['row']}", f"第 {row['row']} 行")
    if not row["parts"]:
        nothing = say("the engine drops it", "引擎丢弃了它")
        echo(f"\n{title}: {nothing}", fg="yellow")
    for part in row["parts"]:
        kept = sum(label >= 0 for label in part["labels"])
        name = f" ({part['name']})" if part["name"] else ""
        count = say(
            f"{len(part['ids']):,} tokens, {kept:,} trained on",
            f"{len(part['ids']):,} 个 token，{kept:,} 个参与训练",
        )
        echo(f"\n{title}{name}: {count}", bold=True)
        _print_part(part, table)
    for cut in row["cuts"]:
        lost = say(
            f"cut after token {cut['at']}: {cut['tokens']:,} tokens, "
            f"{cut['trained']:,} to train on",
            f"在第 {cut['at']} 个 token 后截断：{cut['tokens']:,} 个 token，"
            f"其中 {cut['trained']:,} 个本应参与训练",
        )
        echo(f"  {lost}", fg="yellow")
        echo(_short(cut["text"]), dim=True)
    if row["prompts"]:
        _print_prompts(row)


def _print_part(part: Part, table: bool) -> None:
    from orchestrator.report.peek import runs

    if table:
        for line in columns([*_table(part)], limit=24):
            echo(f"  {line}")
        return
    coloured = colour() is not False and sys.stdout.isatty()
    for is_trained, text in runs(part):
        shown = text if coloured or not is_trained else f"⟦{text}⟧"
        style = {"fg": "green", "bold": True} if is_trained else {"dim": True}
        echo(shown, nl=False, **style)
    echo("")


def _table(part: Part) -> Iterator[tuple[str, ...]]:
    """The tutorial's table: a token, its id, and the label that it is trained on (-100: none)."""
    yield "#", say("token", "词元"), "id", say("label", "标签")
    each = zip(part["ids"], part["labels"], part["texts"], part["tokens"], strict=True)
    for place, (number, label, text, token) in enumerate(each, 1):
        shown = text.replace("\n", "⏎") or token
        yield str(place), shown, str(number), str(label)


def _short(text: str) -> str:
    return text if len(text) <= 400 else f"{text[:200]} … {text[-200:]}"


def _print_prompts(row: Mapping[str, Any]) -> None:
    from orchestrator.report.peek import PROMPTS

    usual = row["prompts"][0]
    echo(say("  prompts", "  提示词"), bold=True)
    for one in row["prompts"]:
        name = say(*PROMPTS[one["name"]])
        if one["absent"]:
            absent = say("none", "无") if one["absent"] == "none" else one["absent"]
            echo(f"    {name}: {absent}")
        elif one is usual:
            echo(f"    {name}: {_visible(one)}")
        elif one["ids"] == usual["ids"]:
            echo(f"    {name}: {say('the same', '相同')}")
        else:
            echo(f"    {name}: {_visible(one)}")
    for english, chinese in row["differences"]:
        echo(f"    ! {say(english, chinese)}", fg="yellow")


def _visible(one: Mapping[str, Any]) -> str:
    return _short("".join(one["texts"]).replace("\n", "⏎"))
