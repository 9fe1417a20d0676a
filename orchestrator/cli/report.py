"""report: the page of a run, and whether somebody's page is true."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from orchestrator.base.errors import EXIT_FAILED, UsageError
from orchestrator.base.language import say
from orchestrator.base.layout import RunPaths
from orchestrator.base.paths import runs_dir
from orchestrator.cli.completing import RunName
from orchestrator.cli.options import json_option
from orchestrator.cli.output import echo, echo_json
from orchestrator.running import directories

#: A true report of a rehearsal: no script that asks for a run may take it for one.
EXIT_REHEARSAL = 3


@click.command()
@click.argument("run", required=False, type=RunName())
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="A folder.")
@click.option(
    "--verify",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare this report (.html, .md or .json) with the run.",
)
@click.option("--run", "named", type=RunName(), metavar="RUN", help="The run, as an option.")
@click.option("--rehearsal", is_flag=True, help="A rehearsal is what is wanted.")
@json_option
def report(
    run: str | None,
    output: Path | None,
    file: Path | None,
    named: str | None,
    rehearsal: bool,
    as_json: bool,
) -> None:
    """Write the report of RUN: report.html, report.md and report.json.

    They need no network and hold no secret and no path of this machine. --verify recomputes a
    report from its run directory and ends with 1 when any figure or word differs, with 3 when it is
    the true report of a rehearsal (0 with --rehearsal).
    """
    if file is not None:
        _verify(file, _root(named or run, file), rehearsal, as_json)
        return
    from orchestrator.report import run_report
    from orchestrator.report.summary import summary

    root = _root(named or run, None)
    found = summary(root)
    if as_json and output is None:
        echo_json(found)
        return
    for path in run_report.write(root, output, found=found).values():
        echo(str(path))


def _root(run: str | None, file: Path | None) -> Path:
    """The run directory that was named; else the one that the report lies in."""
    if run is not None:
        return directories.find_run(run, runs_dir())
    if file is not None and RunPaths(file.absolute().parent).record.is_file():
        return file.absolute().parent
    raise UsageError(
        say("Which run?", "哪个运行？"),
        fix=say("name it: --run RUN; `recipe status` lists them", "请用 --run RUN 指明")
        if file is not None
        else say("recipe report RUN; `recipe status` lists them", "请输入 recipe report RUN"),
    )


def _verify(file: Path, root: Path, rehearsal: bool, as_json: bool) -> None:
    from orchestrator.report.verify import verify

    verdict = verify(file, root)
    if as_json:
        echo_json(
            {
                "file": str(file),
                "run": str(root),
                "true": not verdict.faults,
                "rehearsal": verdict.rehearsal,
                "faults": list(verdict.faults),
                "notes": list(verdict.notes),
            }
        )
    else:
        _tell(file.name, verdict.faults, verdict.notes, verdict.rehearsal)
    if verdict.faults:
        sys.exit(EXIT_FAILED)
    if verdict.rehearsal and not rehearsal:
        sys.exit(EXIT_REHEARSAL)


def _tell(name: str, faults: tuple[str, ...], notes: tuple[str, ...], is_rehearsal: bool) -> None:
    if faults:
        echo(say(f"{name} is NOT what the run says:", f"{name} 与运行不符："), fg="red")
    else:
        same = f"{name}: every figure is what the run directory gives."
        echo(say(same, f"{name}：每个数字都与运行目录一致。"), fg="green")
    for text in faults:
        echo(f"  - {text}")
    for text in notes:
        echo(f"  {say('note', '注意')}: {text}")
    if is_rehearsal:
        rehearsed = "It is a REHEARSAL, not a run: its loss and its answers mean nothing."
        echo(
            say(rehearsed, "这是预演（REHEARSAL），不是正式运行：损失和回答没有意义。"), fg="yellow"
        )
