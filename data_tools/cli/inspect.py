"""The commands that make rows (self-cognition, the ChatGLM3 scripts) or look at them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from data_tools.cli.streams import standing_in
from data_tools.cli.support import (
    accounting,
    data,
    encoded,
    progress,
    reading,
    reading_options,
    run_pipeline,
    seeded,
    sources,
    to_format,
    writing,
)


@data.command("self-cognition")
@click.option("--name", required=True, help="Whose assistant the model is.")
@click.option("--maker", help="Who trained it.")
@click.option("--variants", type=int, help="Different rows a language (6 by default).")
@click.option("--repeats", type=int, default=1, show_default=True, help="How often each comes.")
@click.option("--language", type=click.Choice(["zh", "en", "both"]), default="zh")
@click.option("--system", help="A system text for all rows.")
@click.option("-o", "--output", required=True, help="The file to write.")
@to_format
@writing
@click.option("--json", "as_json", is_flag=True, help="Print the row account as JSON.")
def self_cognition(output: str, as_json: bool, **given: Any) -> None:
    """Make rows that teach the model whose assistant it is."""
    from data_tools.operations.cognition import self_cognition as make

    names = ("name", "maker", "variants", "repeats", "language", "system")
    options = {name: given.pop(name) for name in names}
    given["as_json"] = as_json
    run_pipeline([{"rows": lambda: make(**options)}], {}, [output], "writing", given)


def _script(kind: str, format: str, paths: tuple[str, ...], given: dict[str, Any]) -> None:
    """What one of ChatGLM3's formatting scripts does, with its place for the output."""
    reading = {"format": format, "encoding": given.pop("encoding")}
    output = given.pop("output") or f"formatted_data/{kind}.jsonl"
    run_pipeline([{"files": list(paths)}], reading, [output], "formatting", given)


@data.command("format-tool-alpaca")
@click.argument("paths", nargs=-1)
@click.option("--path", "path", help="As the script has it.")
@click.option("-o", "--output", help="formatted_data/tool_alpaca.jsonl by default.")
@encoded
@accounting
def format_tool_alpaca(paths: tuple[str, ...], path: str | None, **given: Any) -> None:
    """ToolAlpaca → ChatGLM3 conversations with tools, as ChatGLM3's script does it."""
    _script("tool_alpaca", "tool-alpaca", _paths(paths, path), {**given, "to": "chatglm3"})


@data.command("format-advertise-gen")
@click.argument("paths", nargs=-1)
@click.option("--path", "path", help="As the script has it.")
@click.option("-o", "--output", help="formatted_data/advertise_gen.jsonl by default.")
@encoded
@accounting
def format_advertise_gen(paths: tuple[str, ...], path: str | None, **given: Any) -> None:
    """AdvertiseGen → prompt and response, as ChatGLM3's script does it."""
    given["to"] = "prompt-response"
    _script("advertise_gen", "prompt-response", _paths(paths, path), given)


def _paths(paths: tuple[str, ...], path: str | None) -> tuple[str, ...]:
    found = (*paths, path) if path is not None else paths
    if not found:
        raise click.UsageError("name the file to read")
    return found


@data.command("xcomposer-list")
@click.argument("files", nargs=-1, required=True)
@click.option("-o", "--output", help="The list to write (data.txt); FILES are then JSON files.")
@click.option("--root", default=".", show_default=True, help="The folder training will run in.")
@click.option("--images/--no-images", default=True, help="Look at the images (default).")
@click.option("--repeat", is_flag=True, help="Counts may be above a file's rows.")
@click.option("--given-num/--ratio", default=True, help="What counts mean when checking a list.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def xcomposer_list(
    files: tuple[str, ...],
    output: str | None,
    root: str,
    images: bool,
    repeat: bool,
    given_num: bool,
    as_json: bool,
) -> None:
    """Write InternLM-XComposer2's list of JSON files, or (without -o) check lists.

    Counts are thousands of rows; PATH#10000 is written as "PATH 10".

    \b
    recipe data xcomposer-list vl_data.json#10000 text_data.json#5000 -o data.txt
    recipe data xcomposer-list data.txt
    """
    from data_tools.operations.xcomposer_list import lint_list, write_list

    if output is not None:
        findings = write_list(files, output, root=root, images=images, repeat=repeat)
    else:
        found = [
            lint_list(file, given_num=given_num, root=root, images=images, repeat=repeat)
            for file in files
        ]
        findings = [finding for each in found for finding in each]
    faults = sum(finding.fault for finding in findings)
    if as_json:
        shown = {"output": output, "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            click.echo(str(finding), err=finding.fault)
        summary = f"{faults} faults, {len(findings) - faults} warnings"
        click.echo(f"wrote {output}" if output else summary)
    if faults:
        raise click.exceptions.Exit(1)


@data.command()
@sources
@reading
@click.option("--max-chars", type=int, help="Warn about longer rows.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option("--json", "as_json", is_flag=True)
def check(
    sources: tuple[str, ...], max_chars: int | None, strict: bool, as_json: bool, **given: Any
) -> None:
    """Check files: rows that cannot be used (exit 1), and what looks odd."""
    from data_tools.account import Account
    from data_tools.operations.checking import check as run

    account = Account()
    options = reading_options(given)
    with standing_in(sources, []) as (paths, _), progress(account, "checking"):
        report = run(paths, max_chars=max_chars, account=account, **options)
    if as_json:
        click.echo(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    else:
        _print_check(report)
    if not report.ok or (strict and report.warnings):
        raise click.exceptions.Exit(1)


def _print_check(report: Any) -> None:
    usable = report.account.read - report.account.rejected
    formats = ", ".join(f"{name} {count:,}" for name, count in report.formats.items())
    click.echo(f"{report.account.read:,} rows, {usable:,} usable ({formats or 'no format'})")
    for reason, count in report.account.rejects.most_common():
        click.echo(f"fault: {reason}: {count:,}")
    for example in report.account.examples:
        click.echo(f"  {example}")
    for what, count in report.warnings.most_common():
        click.echo(f"warning: {what}: {count:,}")
        click.echo(f"  {'; '.join(report.places[what])}")
    for text in report.account.notes:
        click.echo(f"note: {text}")
    click.echo("ok" if report.ok else "not ok")


@data.command()
@sources
@reading
@click.option("--tokenizer", help="A model's folder: lengths in tokens as well.")
@seeded
@click.option("--json", "as_json", is_flag=True)
def look(
    sources: tuple[str, ...], tokenizer: str | None, seed: int, as_json: bool, **given: Any
) -> None:
    """What is in these files? Rows, turns, lengths, languages, duplicates, samples."""
    from data_tools.account import Account
    from data_tools.errors import UnnamedColumns
    from data_tools.operations.looking import look as run

    account = Account()
    options = reading_options(given)
    with standing_in(sources, []) as (paths, _):
        try:
            with progress(account, "looking"):
                found = run(paths, tokenizer=tokenizer, seed=seed, account=account, **options)
        except UnnamedColumns:
            _look_at_tables(paths, options, as_json)
            return
    if as_json:
        click.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=2, default=str))
    else:
        from data_tools.cli.look_text import lines

        for line in lines(found):
            click.echo(line)


def _look_at_tables(sources: list[str], options: dict[str, Any], as_json: bool) -> None:
    """Columns, how full they are and a sample: what a reader needs to name the columns."""
    from data_tools.containers.files import expand
    from data_tools.operations.table_looking import look_table

    wanted = {key: options[key] for key in ("sheet", "header_row", "encoding")}
    found = [look_table(path, **wanted) for path in expand([*sources])]
    if as_json:
        shown = [table.to_dict() for table in found]
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    for table in found:
        for line in table.lines():
            click.echo(line)
