"""The data commands: `recipe data …`, or `python -m data_tools …`."""

from __future__ import annotations

import json
from typing import Any

import click

from data_tools.cli_support import (
    DataGroup,
    accounting,
    parse_columns,
    progress,
    reading,
    reading_options,
    show,
    take_output,
    writing,
)

HELP = {"help_option_names": ["-h", "--help"]}
FORMATS = "conversation, alpaca, sharegpt, messages, chatglm3, prompt-response, xcomposer, text"
sources = click.argument("sources", nargs=-1, required=True)
output = click.option("-o", "--output", help="The file to write; or the last argument.")
to_format = click.option(
    "--to", default="conversation", show_default=True, help=f"The format to write: {FORMATS}."
)
to_same = click.option(
    "--to", default="same", show_default=True, help=f"same (rows as they are), or: {FORMATS}."
)
seeded = click.option("--seed", default=0, show_default=True, help="For the seeded order.")


@click.group(name="data", cls=DataGroup, context_settings=HELP)
def data() -> None:
    """Convert, split, mix, clean, check and look into training data.

    Every row is accounted for: read = written + rejected. Rejected rows go to rejected.jsonl beside
    the output, with file, place and reason.
    """


def _convert(
    sources: tuple[str, ...], output: str | None, steps: dict[str, Any], given: dict[str, Any]
) -> None:
    from data_tools.account import Account
    from data_tools.converting import convert

    paths, target = take_output(sources, output)
    as_json = given.pop("as_json")
    account = Account()
    options = reading_options(given)
    with progress(account, "converting"):
        convert(paths, target, **options, **given, steps=steps or None, account=account)
    show(account, as_json, target)


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
@click.option("--near", type=float, default=0.85, show_default=True, help="Similarity.")
@reading
@writing
@accounting
def clean(sources: tuple[str, ...], output: str | None, emollm: bool, **given: Any) -> None:
    """Clean texts: drop emoji and persona lines, replace, normalise, limit, remove duplicates.

    \b
    recipe data clean single_turn_dataset_1.json -o clean.json --emollm --to alpaca
    """
    from data_tools.cleaning import PERSONA, WHALE

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
@click.option("--near", type=float, default=0.85, show_default=True, help="Similarity.")
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
    from pathlib import Path

    systems = dict(_pair(text, "--role") for text in role)
    for text in role_file:
        name, path = _pair(text, "--role-file")
        try:
            systems[name] = Path(path).read_text(encoding="utf-8-sig").strip()
        except OSError as error:
            raise click.UsageError(f"--role-file {path}: {error.strerror}") from error
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
    from data_tools.account import Account
    from data_tools.splitting import split_file

    first, second = _outputs(sources[0], output, test_output)
    as_json = given.pop("as_json")
    options = reading_options(given)
    account = Account()
    given.update(train=_share(train), test=None if test is None else _share(test))
    with progress(account, "splitting"):
        split_file(list(sources), first, second, **given, account=account, **options)
    show(account, as_json, first, second)


def _outputs(source: str, output: str | None, test_output: str | None) -> tuple[str, str]:
    from pathlib import Path

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
    from data_tools.account import Account
    from data_tools.mixing import mix_files

    paths, target = take_output(sources, output)
    as_json = given.pop("as_json")
    options = reading_options(given)
    account = Account()
    try:
        numbers = [float(part) for part in weights.split(",")] if weights else None
    except ValueError:
        raise click.UsageError(f"--weights {weights!r}: write numbers like 0.7,0.3") from None
    with progress(account, "mixing"):
        mix_files(paths, target, weights=numbers, **given, account=account, **options)
    show(account, as_json, target)


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
    from data_tools.cognition import self_cognition as make

    names = ("name", "maker", "variants", "repeats", "language", "system")
    rows = make(**{name: given.pop(name) for name in names})
    _write_rows(rows, output, as_json, given, None)


def _write_rows(rows: Any, output: str, as_json: bool, given: dict[str, Any], account: Any) -> None:
    """Write rows that an operation makes; without an account they all count as read."""
    from pathlib import Path

    from data_tools.account import Account
    from data_tools.rejects import rejected_file
    from data_tools.writing import write

    found = account or Account()
    to = given.pop("to")
    target = given.pop("rejected", None) or Path(output).parent / "rejected.jsonl"
    with progress(found, "writing"), rejected_file(target, found):
        write(rows if account else _counted(rows, found), output, format=to, account=found, **given)
    found.check()
    show(found, as_json, output)


def _counted(rows: Any, account: Any) -> Any:
    for row in rows:
        account.read += 1
        yield row


def _script(kind: str, paths: tuple[str, ...], given: dict[str, Any]) -> None:
    from data_tools import chatglm3_scripts
    from data_tools.account import Account

    output = given.pop("output") or chatglm3_scripts.default_output(kind)
    account = Account(strict=given.pop("strict"), max_rejects=given.pop("max_rejects"))
    make = getattr(chatglm3_scripts, f"format_{kind}")
    rows = make(list(paths), account=account)
    _write_rows(rows, output, given.pop("as_json"), given, account)


@data.command("format-tool-alpaca")
@click.argument("paths", nargs=-1)
@click.option("--path", "path", help="As the script has it.")
@click.option("-o", "--output", help="formatted_data/tool_alpaca.jsonl by default.")
@accounting
def format_tool_alpaca(paths: tuple[str, ...], path: str | None, **given: Any) -> None:
    """ToolAlpaca → ChatGLM3 conversations with tools, as ChatGLM3's script does it."""
    _script("tool_alpaca", _paths(paths, path), {**given, "to": "chatglm3"})


@data.command("format-advertise-gen")
@click.argument("paths", nargs=-1)
@click.option("--path", "path", help="As the script has it.")
@click.option("-o", "--output", help="formatted_data/advertise_gen.jsonl by default.")
@accounting
def format_advertise_gen(paths: tuple[str, ...], path: str | None, **given: Any) -> None:
    """AdvertiseGen → prompt and response, as ChatGLM3's script does it."""
    _script("advertise_gen", _paths(paths, path), {**given, "to": "prompt-response"})


def _paths(paths: tuple[str, ...], path: str | None) -> tuple[str, ...]:
    found = (*paths, path) if path is not None else paths
    if not found:
        raise click.UsageError("name the file to read")
    return found


@data.command("xcomposer-list")
@click.argument("files", nargs=-1, required=True)
@click.option("-o", "--output", help="The list to write (data.txt); FILES are then JSON files.")
@click.option("--root", default=".", show_default=True, help="The folder training will run in.")
@click.option("--images/--no-images", default=True, help="Check that images exist (default).")
@click.option("--given-num/--ratio", default=True, help="What counts mean when checking a list.")
def xcomposer_list(
    files: tuple[str, ...], output: str | None, root: str, images: bool, given_num: bool
) -> None:
    """Write InternLM-XComposer2's list of JSON files, or (without -o) check lists.

    Counts are thousands of rows; PATH#10000 is written as "PATH 10".

    \b
    recipe data xcomposer-list vl_data.json#10000 text_data.json#5000 -o data.txt
    recipe data xcomposer-list data.txt
    """
    from data_tools.xcomposer_list import lint_list, write_list

    if output is not None:
        findings = write_list(files, output, root=root, images=images)
    else:
        found = [lint_list(f, given_num=given_num, root=root, images=images) for f in files]
        findings = [finding for each in found for finding in each]
    for finding in findings:
        click.echo(str(finding), err=finding.fault)
    faults = sum(finding.fault for finding in findings)
    click.echo(
        f"wrote {output}" if output else f"{faults} faults, {len(findings) - faults} warnings"
    )
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
    from data_tools.checking import check as run

    account = Account()
    options = reading_options(given)
    with progress(account, "checking"):
        report = run(list(sources), max_chars=max_chars, account=account, **options)
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
    from data_tools.looking import look as run

    account = Account()
    options = reading_options(given)
    with progress(account, "looking"):
        found = run(list(sources), tokenizer=tokenizer, seed=seed, account=account, **options)
    if as_json:
        click.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=2, default=str))
    else:
        from data_tools.look_text import lines

        for line in lines(found):
            click.echo(line)


__all__ = ["data", "parse_columns"]
