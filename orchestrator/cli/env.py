"""`recipe env`: engine releases on this machine."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.base.errors import EXIT_FAILED, UsageError
from orchestrator.base.language import say
from orchestrator.cli import env_rows
from orchestrator.cli.completing import ReleaseName
from orchestrator.cli.groups import Verbs
from orchestrator.cli.options import json_option

if TYPE_CHECKING:
    from orchestrator.envs.diagnosis import Finding

_MARKS = {
    "ok": ("ok    ", "正常  ", "green"),
    "note": ("note  ", "提示  ", "yellow"),
    "broken": ("broken", "损坏  ", "red"),
}
_BACKENDS = ("auto", "cpu", "cu118", "cu121", "cu124", "cu126", "cu128", "cu129")


def _backends(_context: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """uv's names for torch builds, for the shell; uv itself says which names it knows."""
    return [name for name in _BACKENDS if name.startswith(incomplete)]


@click.group(cls=Verbs)
def env() -> None:
    """Install, list, check and remove engine releases.

    Each release lives in a virtual environment of its own, made from a committed lock.
    """


@env.command()
@click.argument("names", nargs=-1, required=True, type=ReleaseName(), metavar="NAME...")
@click.option(
    "--python",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Use this Python, which already holds the engine, and build nothing.",
)
@click.option(
    "--torch-backend",
    shell_complete=_backends,
    metavar="BACKEND",
    help="Another torch build, by uv's name: cpu, cu124, auto …",
)
def install(names: tuple[str, ...], python: Path | None, torch_backend: str | None) -> None:
    """Install engine releases, e.g. xtuner@0.2.0.

    A release that is there already is left as it is. `recipe run` does this by itself.
    """
    from orchestrator.engines.registry import release
    from orchestrator.envs.install import ensure

    if python is not None and torch_backend is not None:
        raise UsageError(
            say(
                "--python and --torch-backend exclude each other.",
                "--python 与 --torch-backend 不能同时使用。",
            ),
            why=say(
                "nothing is installed into a Python of your own",
                "不会往您自己的 Python 中安装任何东西",
            ),
            fix=say("leave one of them out", "请去掉其中一个"),
        )
    for wanted in [release(name) for name in names]:
        with installing(wanted.name) as tell:
            made = ensure(
                wanted, python=python, torch_backend=torch_backend, progress=tell, choose=True
            )
        click.echo(f"{wanted.name}: {made.root if made.managed else made.python}")


@contextlib.contextmanager
def installing(name: str) -> Iterator[Callable[[str], None]]:
    """A function that shows one line of progress: a spinner on a terminal, plain lines elsewhere.

    On a terminal the packages that come and go share one line with the time that has passed.
    """
    if not sys.stderr.isatty():
        yield lambda line: click.echo(line, err=True)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(name, total=None)
        yield lambda line: shown.update(task, description=escape(f"{name}: {line}"))


@env.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the engine releases, and what of them is installed here."""
    from orchestrator.engines.registry import all_releases
    from orchestrator.envs.inventory import installed

    known = all_releases()
    rows = [env_rows.row_of(folder) for folder in installed(known)]
    there = {row["name"] for row in rows}
    nothing = dict.fromkeys(env_rows.COLUMNS)
    rows += [
        {**nothing, "name": release.name, "status": "not installed"}
        for release in known
        if release.name not in there
    ]
    rows.sort(key=lambda row: row["name"])
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        click.echo(env_rows.line(row))


@env.command()
@click.argument("name", required=False, type=ReleaseName())
@click.option(
    "--python",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Look at this Python of your own instead.",
)
@json_option
@click.pass_context
def doctor(ctx: click.Context, name: str | None, python: Path | None, as_json: bool) -> None:
    """Check an engine release, or every installed one.

    Looks at the imports, torch and the GPU, 4 bits, DeepSpeed and the disk. Exits with 1 when
    something is broken; each fault is printed with its next step.
    """
    from orchestrator.engines.registry import all_releases
    from orchestrator.envs.inventory import find

    names = [name] if name else [release.name for release in filter(find, all_releases())]
    if not names:
        none = "No engine release is installed yet: recipe env install NAME"
        click.echo(say(none, "尚未安装任何引擎版本：recipe env install NAME"), err=True)
    reports: dict[str, list[Finding]] = {}
    for wanted in names:
        reports |= examined([wanted], python)
        if not as_json:
            click.secho(wanted, bold=True)
            print_findings(reports[wanted])
    if as_json:
        _print_json({name: list(map(vars, report)) for name, report in reports.items()})
    if any(finding.level == "broken" for report in reports.values() for finding in report):
        ctx.exit(EXIT_FAILED)


def examined(names: list[str], python: Path | None) -> dict[str, list[Finding]]:
    """Each release with what its own Python says of it; a line of progress meanwhile."""
    from orchestrator.engines.registry import release
    from orchestrator.envs.diagnosis import doctor as examine

    reports = {}
    for wanted in map(release, names):
        with installing(wanted.name) as tell:
            reports[wanted.name] = examine(wanted, python=python, progress=tell)
    return reports


def _print_json(value: object) -> None:
    import json

    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_findings(findings: list[Finding]) -> None:
    """A line a finding, and its next step."""
    step = say("next step", "下一步")
    for finding in findings:
        english, chinese, colour = _MARKS[finding.level]
        click.echo(f"  {click.style(say(english, chinese), fg=colour)}  {finding.what}")
        if finding.fix and finding.level != "ok":
            click.echo(f"          {step}: {finding.fix}")


@env.command()
@click.argument("names", nargs=-1, required=True, type=ReleaseName(), metavar="NAME...")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a lock would change.")
@click.pass_context
def lock(ctx: click.Context, names: tuple[str, ...], check: bool) -> None:
    """Make the lock of an engine release from its .in file (for those who develop engines)."""
    from orchestrator.base.files import write_atomic
    from orchestrator.engines.registry import release
    from orchestrator.envs.relock import relock

    changed = 0
    for wanted in [release(name) for name in names]:
        path, text = wanted.lock, relock(wanted)
        same = path.is_file() and path.read_text(encoding="utf-8") == text
        click.echo(f"{path.name}: {say('unchanged', '未变') if same else say('changed', '有变化')}")
        changed += not same
        if not same and not check:
            write_atomic(path, text)
    if check and changed:
        ctx.exit(EXIT_FAILED)


@env.command()
@click.argument("name", type=ReleaseName())
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--leftovers", is_flag=True, help="Only outdated, unfinished and broken ones.")
def remove(name: str, yes: bool, leftovers: bool) -> None:
    """Remove a release's environments. A Python of your own is forgotten, not touched."""
    from orchestrator.engines.registry import release
    from orchestrator.envs.inventory import installed
    from orchestrator.envs.inventory import remove as clear

    wanted = release(name)
    doomed = [
        str(folder.root)
        for folder in installed([wanted])
        if folder.name == wanted.name and not (leftovers and folder.status == "ready")
    ]
    if not doomed:
        nothing = say(f"There is nothing of {name} to remove.", f"没有可以删除的 {name}。")
        raise UsageError(nothing, fix="recipe env list")
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            say("Nothing was removed.", "没有删除任何东西。"),
            why=say("there is nobody to ask", "没有人可以确认"),
            fix=say("add -y", "请加上 -y"),
        )
    if not yes:
        click.confirm(
            say(f"Remove {', '.join(doomed)}?", f"删除 {', '.join(doomed)}？"), abort=True
        )

    def waiting(owner: str) -> None:
        english = f"{name} is being built by {owner}; waiting"
        click.echo(say(english, f"{owner} 正在构建 {name}，请稍候"), err=True)

    for root in clear(wanted, leftovers=leftovers, waiting=waiting):
        click.echo(say(f"removed {root}", f"已删除 {root}"))
