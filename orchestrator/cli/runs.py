"""run, plan and render: parse, call, print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.base import layout
from orchestrator.base.language import say
from orchestrator.cli.completing import RecipeName, ReleaseName, RunName, StageName
from orchestrator.cli.groups import MayStandAlone, PassesOn
from orchestrator.cli.options import json_option, param_option, set_option, together
from orchestrator.cli.output import echo, echo_json, short
from orchestrator.cli.rehearsals import in_brackets
from orchestrator.running.request import Request

if TYPE_CHECKING:
    from orchestrator.engines.job import Job
    from orchestrator.engines.progress import Step
    from orchestrator.preflight.rule import Verdict


#: RECIPE and what overrides it: words of one ``Request``.
_recipe_options = together(
    click.argument("recipe", type=RecipeName()),
    set_option,
    param_option,
    click.option(
        "--engine",
        type=ReleaseName(),
        metavar="NAME@VERSION",
        help="Use this engine release instead.",
    ),
)
_only_available = click.option(
    "--only-available",
    is_flag=True,
    help="Go on without the sources of rows that are not here.",
)
_rehearse = click.option(
    "--rehearse",
    cls=MayStandAlone,
    alone="auto",
    type=click.Choice(["auto", "own", "native"]),
    metavar="[=own|=native]",
    help="Go through the whole chain on the CPU, with a few rows and a tiny model: of the model's "
    "own code where that is on this machine (=own fetches it, without weights), else a native "
    "stand-in (=native: in any case).",
)
_stage: dict[str, Any] = {"type": StageName(), "metavar": "STAGE"}
_stage_options = together(
    click.option("--from", "first", **_stage, help="Start at this stage, run it again."),
    click.option("--until", "last", **_stage, help="Stop after this stage."),
    click.option("-f", "--force", is_flag=True, help="Run stages again even when done."),
)
#: Which run directory: words of one ``Request``, and whether it is a new one.
_run_options = together(
    click.option("--new", is_flag=True, help="Start a new run directory."),
    click.option("--name", metavar="NAME", help="Give the run a name of its own."),
    click.option(
        "--run", type=RunName(), metavar="RUN", help="Go on in this run, whatever began it."
    ),
    click.option(
        "--python", type=click.Path(path_type=Path), help="A Python with the engine in it."
    ),
)


def _request(
    engine_arguments: tuple[str, ...], python: Path | None, rehearse: str | None, **given: Any
) -> Request:
    own = str(python.absolute()) if python else None
    standin: Any = None if rehearse == "auto" else rehearse
    mode = {"rehearse": rehearse is not None, "standin": standin}
    return Request(passthrough=engine_arguments, python=own, **mode, **given)


def _as_words(options: dict[str, str | None]) -> list[str]:
    return [word for key, value in options.items() if value for word in (key, value)]


@click.command(cls=PassesOn)
@_recipe_options
@_rehearse
@_only_available
@_stage_options
@_run_options
@click.option("-n", "--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Say only how each stage ended.")
@click.option("-v", "--verbose", is_flag=True, help="Show the engine's own output as it comes.")
@click.option("--torch-backend", metavar="NAME", help="Torch build for the environment: cpu, cu124")
@click.option(
    "--no-warm", is_flag=True, help="Import the engine anew for each step of a rehearsal."
)
def run(
    first: str | None,
    last: str | None,
    force: bool,
    new: bool,
    dry_run: bool,
    quiet: bool,
    verbose: bool,
    torch_backend: str | None,
    no_warm: bool,
    **given: Any,
) -> None:
    """Run RECIPE: data, model, render, check, then the engine's own stages.

    The same command goes on where it stopped; finished stages are skipped. Other values begin
    another run, which takes over the stages that they do not change. What comes after -- is
    passed to the engine's train command.
    """
    from orchestrator.cli.closing import conclude
    from orchestrator.cli.env import installing
    from orchestrator.cli.terminal import Terminal
    from orchestrator.running import workflow
    from orchestrator.running.deciding import Selection

    request = _request(**given)
    selection = Selection(first, last, force)
    more = _as_words({"--until": last, "--torch-backend": torch_backend})
    with request.completing("run", *more):
        asked = workflow.ask(request, new=new)
        if dry_run:
            _print_plan(workflow.describe(asked, selection))
            return
        verdicts = workflow.preflight(asked, selection)
        root = workflow.directory(asked, selection)
    with asked.request.within(root).completing("run", *more):
        _announce(asked.job, root)
        _warn(verdicts)
        with Terminal(_progress_of(asked.job), quiet=quiet, verbose=verbose) as terminal:
            record = workflow.execute(
                asked,
                root,
                selection,
                terminal,
                torch_backend=torch_backend,
                building=installing,
                warm=not no_warm,
            )
    conclude(asked, root, record)


def _progress_of(job: Job) -> Callable[[str], Step | None] | None:
    from orchestrator.engines.protocol import TellsProgress
    from orchestrator.engines.registry import engine_of

    engine = engine_of(job)
    return engine.progress if isinstance(engine, TellsProgress) else None


def _announce(job: Job, root: Path) -> None:
    kind = say("Rehearsal of", "预演") if job.rehearsal else say("Run of", "运行")
    made_of = in_brackets(job.standin)
    echo(f"{kind} {job.name}{made_of} ({job.release.name}): {job.recipe.title}", bold=True)
    echo(f"  {say('in', '目录')} {short(root)}")
    for note in job.notes:
        echo(f"  {say('note', '注意')}: {note}")
    if job.rehearsal:
        echo(say("  THIS IS A REHEARSAL. It changes:", "  这是预演（REHEARSAL），改动如下："))
        for change in job.changes:
            echo(f"    - {change}")


def _warn(verdicts: list[Verdict]) -> None:
    """What the preflight has to say and does not stop the run."""
    words = {"warning": say("warning", "警告"), "note": say("note", "注意")}
    for one in verdicts:
        if one.level in words:
            echo(f"  {words[one.level]} ({one.rule.id}): {one.cause}")
            if one.fix and one.level == "warning":
                echo(f"    {say('next step', '下一步')}: {one.fix}")
        elif one.ignored is not None:
            echo(f"  {say('ignored', '已忽略')} ({one.rule.id}): {one.cause} — {one.ignored}")


@click.command(cls=PassesOn)
@_recipe_options
@_rehearse
@_only_available
@_stage_options
@_run_options
@json_option
def plan(
    first: str | None, last: str | None, force: bool, new: bool, as_json: bool, **given: Any
) -> None:
    """Print what a run of RECIPE would do: files, commands, and why each stage runs."""
    from orchestrator.running import workflow
    from orchestrator.running.deciding import Selection

    request = _request(**given)
    with request.completing("plan", *_as_words({"--until": last})):
        asked = workflow.ask(request, new=new)
        steps = workflow.describe(asked, Selection(first, last, force))
    if as_json:
        echo_json(steps)
    else:
        _print_plan(steps)


def _print_plan(description: dict[str, Any]) -> None:
    recipe, engine = description["recipe"], description["engine"]
    echo(say(f"{recipe} with {engine}", f"{recipe}，引擎 {engine}"), bold=True)
    echo(f"  {say('in', '目录')} {description['directory']}")
    for note in description["notes"]:
        echo(f"  {say('note', '注意')}: {note}")
    for change in description["changes"]:
        echo(f"  {say('rehearsal', '预演')}: {change}")
    for step in description["stages"]:
        echo(f"{step['stage']}: {step['decision']}", bold=True)
        if step["task"]:
            echo(f"  {step['task']}")
        if step["moves"]:
            moved = ", ".join(step["moves"])
            aside = f"{layout.SUPERSEDED}/"
            echo(say(f"  move {moved} to {aside}", f"  将 {moved} 移到 {aside}"))
        for name in step["files"]:
            echo(f"  {say('write', '写入')} {name}")
        for line in step["commands"]:
            echo(f"  $ {line}")


@click.command()
@_recipe_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write.",
)
@_only_available
@click.option("-f", "--force", is_flag=True, help="Overwrite files that differ.")
def render(output: Path, force: bool, **given: Any) -> None:
    """Write RECIPE as a homework pack: config, rows, commands and a README, without `recipe`."""
    from orchestrator.planning import pack

    def note(text: str) -> None:
        echo(f"{say('note', '注意')}: {text}", err=True)

    request = Request(**given)
    with request.completing("render", "-o", str(output)):
        by_hand = request.line("--until", "data", anywhere=True)
        names = pack.write(**given, note=note, folder=output, force=force, rows_command=by_hand)
    for name in names:
        echo(f"{output / name}")
