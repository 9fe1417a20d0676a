"""dataset: rows made known to a checkout of the engine."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.base.language import say
from orchestrator.cli.groups import Verbs
from orchestrator.cli.output import echo


@click.group(cls=Verbs)
def dataset() -> None:
    """Make data sets known to an engine's own checkout."""


@dataset.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--into",
    required=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A checkout with data/dataset_info.json, or the folder with dataset_info.json itself.",
)
@click.option("--name", help="The data set's name; by default the file's, without its ending.")
@click.option("-f", "--force", is_flag=True, help="Replace an entry that says something else.")
def register(file: Path, into: Path, name: str | None, force: bool) -> None:
    """Add FILE (alpaca, sharegpt or messages rows; JSON or JSONL) to a dataset_info.json.

    All columns and tags are written, so that system text and history are used. Other entries and
    their order stay as they are.
    """
    from orchestrator.engines.protocol import RegistersRows
    from orchestrator.engines.registry import ENGINES

    (engine,) = [engine for engine in ENGINES if isinstance(engine, RegistersRows)]
    chosen = name if name is not None else file.stem
    path, outcome = engine.register_rows(file, into, name=chosen, force=force)
    told = {
        "added": say(f"{chosen} added to {path}", f"{chosen} 已加入 {path}"),
        "replaced": say(f"{chosen} replaced in {path}", f"已替换 {path} 中的 {chosen}"),
        "unchanged": say(f"{chosen} already in {path}", f"{path} 中已有 {chosen}"),
    }
    echo(told[outcome])
    echo(f"  {say('use it with', '使用方法')}: dataset: {chosen}")
