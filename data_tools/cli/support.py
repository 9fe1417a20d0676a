"""What the data commands share: options, the way errors and accounts are shown, progress."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from data_tools.cli.group import DataGroup
from data_tools.cli.streams import REJECTS, STREAM, standing_in
from data_tools.language import say

if TYPE_CHECKING:
    from data_tools.account import Account

F = TypeVar("F", bound=Callable[..., Any])
HELP = {"help_option_names": ["-h", "--help"]}
FORMATS = "conversation, alpaca, sharegpt, messages, chatglm3, prompt-response, xcomposer, text"


@click.group(name="data", cls=DataGroup, context_settings=HELP)
def data() -> None:
    """Convert, split, mix, clean, check and look into training data.

    Every row is accounted for: read = written + rejected. Rejected rows go to a file beside the
    output, OUTPUT.rejected.jsonl, with file, place and reason. Where one file is read or written,
    - stands for standard input or standard output.
    """


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several click options as one decorator, shown in this order."""

    def decorate(function: F) -> F:
        return functools.reduce(lambda found, option: option(found), reversed(decorators), function)

    return decorate


sources = click.argument("sources", nargs=-1, required=True)
output = click.option("-o", "--output", help="The file to write; or the last argument.")
to_format = click.option(
    "--to", default="conversation", show_default=True, help=f"The format to write: {FORMATS}."
)
to_same = click.option(
    "--to", default="same", show_default=True, help=f"same (rows as they are), or: {FORMATS}."
)
seeded = click.option("--seed", default=0, show_default=True, help="For the seeded order.")
encoded = click.option(
    "--encoding", metavar="NAME", help="When it is not recognised: gb18030, big5, shift_jis, …"
)
reading = options(
    click.option("--format", default="auto", show_default=True, help="The rows' format."),
    click.option("--sheet", help="A workbook's sheet: its name, or its number from 1."),
    click.option(
        "--columns",
        multiple=True,
        metavar="KEY=COLUMN,…",
        help="A table's columns, by letter or header: input=A,output=D.",
    ),
    click.option(
        "--header-row", type=click.IntRange(0), default=1, show_default=True, help="0: none."
    ),
    click.option("--system", help="A system text for all rows."),
    click.option(
        "--system-file", type=click.Path(exists=True, dir_okay=False), help="… from a file."
    ),
    encoded,
)
writing = options(
    click.option("--container", help="jsonl, json, csv, tsv, xlsx, parquet, txt; by the name."),
    click.option("--indent", type=click.IntRange(0, 8), help="Spaces of indentation (.json)."),
    click.option(
        "--drop",
        multiple=True,
        metavar="WHAT",
        help="May be left out: tools, images, loss, turns, system, all.",
    ),
)
accounting = options(
    click.option("--rejected", type=click.Path(dir_okay=False), help="Where rejected rows go."),
    click.option("--strict", is_flag=True, help="Stop at the first row that is rejected."),
    click.option("--max-rejects", metavar="N|P%", help="Stop when more rows are rejected."),
    click.option("--json", "as_json", is_flag=True, help="Print the row account as JSON."),
)


def reading_options(given: dict[str, Any]) -> dict[str, Any]:
    """Take the reading options out of a command's arguments, as `read` wants them."""
    system_file = given.pop("system_file")
    system = given.pop("system")
    if system_file is not None:
        if system is not None:
            raise click.UsageError("--system and --system-file exclude each other")
        system = text_of(system_file, "--system-file")
    found = {key: given.pop(key) for key in ("format", "sheet", "header_row", "encoding")}
    return {**found, "system": system, "columns": parse_columns(given.pop("columns"))}


def text_of(path: str, option: str) -> str:
    """The text of a small file that an option names."""
    from data_tools.containers.encodings import read_text

    try:
        return read_text(Path(path))
    except OSError as error:
        raise click.UsageError(f"{option} {path}: {error.strerror}") from error


def parse_columns(values: tuple[str, ...]) -> dict[str, str] | None:
    """('input=A,output=Long answer',) → {'input': 'A', 'output': 'Long answer'}."""
    found: dict[str, str] = {}
    for value in values:
        for pair in re.split(r",(?=\s*[a-z_]+\s*=)", value):
            key, equals, column = pair.partition("=")
            if not equals or not key.strip() or not column.strip():
                raise click.UsageError(f"--columns {pair!r}: write KEY=COLUMN, like input=A")
            found[key.strip()] = column.strip()
    return found or None


def take_output(sources: tuple[str, ...], output: str | None) -> tuple[list[Any], str]:
    """The sources and the output; without -o the last argument is the output."""
    if output is not None:
        if not sources:
            raise click.UsageError("name at least one source")
        return list(sources), output
    if len(sources) < 2:
        raise click.UsageError("name the sources, then the output (or give it with -o)")
    return list(sources[:-1]), sources[-1]


def run_pipeline(
    inputs: list[dict[str, Any]],
    reading: dict[str, Any],
    outputs: list[str],
    what: str,
    given: dict[str, Any],
    **more: Any,
) -> None:
    """Run a pipeline over sources that are read alike, and show its account.

    `inputs`: the arguments of each `Input`, but for `reading`; `files` is one path or several.
    """
    from data_tools.account import Account
    from data_tools.containers.opened import ReadOptions
    from data_tools.operations.pipeline import Input, Pipeline, run

    as_json = given.pop("as_json")
    if STREAM in outputs and given.get("rejected") is None:
        given["rejected"] = REJECTS
    account = Account()
    files = [source.pop("files", []) for source in inputs]
    named = [[path] if isinstance(path, str) else list(path) for path in files]
    flat = [path for paths in named for path in paths]
    with standing_in(flat, outputs, given.get("container")) as (paths, targets):
        rest = iter(paths)
        sources = [
            Input(**source, files=[next(rest) for _ in own], reading=ReadOptions(**reading))
            for source, own in zip(inputs, named, strict=True)
        ]
        with progress(account, what):
            run(Pipeline(inputs=sources, outputs=targets, **given, **more), account)
    show(account, as_json, outputs, given.get("rejected"))


def show(account: Account, as_json: bool, outputs: list[str], rejected: str | None) -> None:
    """The account, as a table or as JSON, and where the rows and the rejected rows are.

    It goes to standard error when the rows have gone to standard output.
    """
    from data_tools.containers.rejects import rejects_for

    err = STREAM in outputs
    place = rejected or str(rejects_for(outputs[0]))
    if as_json:
        import json

        shown = {**account.to_dict(), "outputs": outputs, "examples": account.examples}
        shown["rejected_rows"] = place if account.rejected else None
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2), err=err)
        return
    click.echo(account.summary(), err=err)
    if account.rejected:
        click.echo(f"{say('rejected rows', '被拒绝的行')}: {place}", err=err)
    for output in outputs:
        if output != STREAM:
            click.echo(say(f"wrote {output}", f"已写入 {output}"), err=err)


@contextlib.contextmanager
def progress(account: Account, what: str) -> Iterator[None]:
    """A line with rows and rows per second while the block runs, on a terminal only."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f} rows"),
        TextColumn("{task.fields[rate]:,.0f} rows/s"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, rate=0.0)
        start = time.monotonic()

        def tick(rows: int) -> None:
            bar.update(task, completed=rows, rate=rows / max(time.monotonic() - start, 1e-9))

        account.tick = tick
        try:
            yield
        finally:
            account.tick = None
