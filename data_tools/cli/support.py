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

if TYPE_CHECKING:
    from data_tools.account import Account

F = TypeVar("F", bound=Callable[..., Any])
INTERRUPTED = 130


class DataGroup(click.Group):
    """Shows a DataError as a message (exit 1) and an interrupt as one line (exit 130)."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. It ends the process itself when it fails, so that the exit code does not
        depend on how a program that mounts the group calls click."""
        from data_tools.errors import DataError

        try:
            return super().invoke(ctx)
        except DataError as error:
            first, *rest = str(error).splitlines()
            click.secho(f"error: {first}", fg="red", err=True)
            for line in rest:
                click.echo(line, err=True)
            sys.exit(1)
        except click.exceptions.Exit as done:
            sys.exit(done.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted; earlier results are as they were", err=True)
            sys.exit(INTERRUPTED)


HELP = {"help_option_names": ["-h", "--help"]}
FORMATS = "conversation, alpaca, sharegpt, messages, chatglm3, prompt-response, xcomposer, text"


@click.group(name="data", cls=DataGroup, context_settings=HELP)
def data() -> None:
    """Convert, split, mix, clean, check and look into training data.

    Every row is accounted for: read = written + rejected. Rejected rows go to rejected.jsonl beside
    the output, with file, place and reason.
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
    click.option("--encoding", help="When it is not recognised, for example gb18030."),
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
        system = Path(system_file).read_text(encoding="utf-8-sig").strip()
    found = {key: given.pop(key) for key in ("format", "sheet", "header_row", "encoding")}
    return {**found, "system": system, "columns": parse_columns(given.pop("columns"))}


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


def show(account: Account, as_json: bool, *outputs: str) -> None:
    """The account, as a table or as JSON, and where the rows are."""
    if as_json:
        import json

        shown = {**account.to_dict(), "outputs": list(outputs), "examples": account.examples}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    click.echo(account.summary())
    for output in outputs:
        click.echo(f"wrote {output}")


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
