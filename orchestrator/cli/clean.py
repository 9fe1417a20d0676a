"""clean: give back the room that earlier tries, older runs and caches take."""

from __future__ import annotations

import json

import click

from orchestrator.base.language import say
from orchestrator.base.paths import runs_dir
from orchestrator.cli.options import json_option


@click.command()
@click.option(
    "--superseded", "kinds", flag_value="superseded", multiple=True, help="Earlier tries."
)
@click.option("--runs", "kinds", flag_value="runs", multiple=True, help="Older runs of a command.")
@click.option("--caches", "kinds", flag_value="caches", multiple=True, help="Unused caches.")
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would go.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def clean(kinds: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove what nothing needs, after asking: by default all three kinds.

    The newest run of every command stays, and so does a run that is at work. Model folders of the
    hubs belong to the hubs' own caches and are left alone.
    """
    from orchestrator.engines.registry import all_releases
    from orchestrator.running import cleaning

    wanted = [kind for kind in cleaning.KINDS if not kinds or kind in kinds]
    found = cleaning.removable(runs_dir(), wanted, all_releases())
    if as_json:
        rows = [{**vars(one), "path": str(one.path)} for one in found]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for one in found:
        click.echo(f"{one.bytes / 1e6:10.1f} MB  {one.path}  ({one.why})")
    if not found:
        click.echo(say("There is nothing to remove.", "没有可以清理的内容。"))
    if not found or dry_run:
        return
    total = sum(one.bytes for one in found) / 1e6
    asked = say(f"Remove these ({total:.1f} MB)?", f"删除以上内容（{total:.1f} MB）？")
    if not yes:
        click.confirm(asked, abort=True)
    for one in found:
        cleaning.remove(one)
