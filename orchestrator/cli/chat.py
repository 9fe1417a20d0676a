"""chat: talk to the model that a run made, through the engine's own chat."""

from __future__ import annotations

import sys
from typing import Any

import click

from orchestrator.base.language import say
from orchestrator.cli.completing import RunName
from orchestrator.cli.groups import PassesOn
from orchestrator.cli.output import echo


@click.command(cls=PassesOn)
@click.argument("run", type=RunName())
@click.option("--prompt-template", help="Another template than the training's (rarely right).")
@click.option("--system", help="System text; by default the one of the training rows.")
@click.option("--no-system", is_flag=True, help="No system text at all.")
@click.option("--system-template", help="One of the engine's system templates instead.")
@click.option("--bits", type=click.Choice(["4", "8"]), help="Load the weights in 4 or 8 bits.")
@click.option("--bot-name", help="The bot's name in the template.")
@click.option(
    "--with-plugins",
    multiple=True,
    type=click.Choice(["calculate", "solve", "search"]),
    help="Plugins (with the moss_sft templates). May be repeated.",
)
@click.option("--no-streamer", is_flag=True, help="Print the answer when it is complete.")
@click.option("--lagent", is_flag=True, help="Use lagent (needs SERPER_API_KEY).")
@click.option("--command-stop-word", help="Word at which a command ends.")
@click.option("--answer-stop-word", help="Word at which an answer ends.")
@click.option("--offload-folder", help="Folder for weights that do not fit into memory.")
@click.option("--max-new-tokens", type=click.IntRange(min=1), help="Longest answer, in tokens.")
@click.option("--temperature", type=click.FloatRange(min=0), help="0 answers greedily.")
@click.option("--top-k", type=click.IntRange(min=0), help="Keep this many likeliest tokens.")
@click.option("--top-p", type=click.FloatRange(min=0, max=1), help="Keep this much probability.")
@click.option("--seed", type=int, help="Random seed of the answers.")
@click.option("--adapter", "use_adapter", is_flag=True, help="Base model and adapter, not merged.")
@click.option("--web", is_flag=True, help="A page in the browser instead of this terminal.")
@click.option("--host", help="Address of the page; by default 127.0.0.1, this machine alone.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the page.")
@click.option("-n", "--dry-run", is_flag=True, help="Print the engine's command only.")
def chat(run: str, dry_run: bool, engine_arguments: tuple[str, ...], **options: Any) -> None:
    """Talk to what RUN made (a run's folder, or a recipe's name for its newest run).

    The run's own prompt template and system text are used. What comes after -- is passed on.
    """
    from orchestrator.running import talk

    command = talk.prepare(run, {**options, "extra": engine_arguments})
    echo(f"$ {command.line}", err=not dry_run)
    for warning in command.warnings:
        echo(f"{say('warning', '注意')}: {warning}", fg="yellow", err=True)
    if dry_run:
        return
    if command.rehearsal:
        echo(
            say(
                "THIS MODEL IS FROM A REHEARSAL: tiny and untrained, its answers are noise.",
                "此模型来自预演（REHEARSAL）：极小且未经训练，回答没有意义。",
            ),
            err=True,
        )
    code = talk.run_on_terminal(command)
    if code > 0 and command.own_code:
        echo(_own_code(command.release.name), fg="yellow", err=True)
    sys.exit(code)


def _own_code(release: str) -> str:
    return say(
        "The chat ended with an error. This model brings its own code: what fits the transformers "
        f"of another release need not fit that of {release}. The trained weights are not at fault.",
        "对话因错误结束。此模型自带代码：适合其他版本的 transformers 的代码不一定适合 "
        f"{release} 的。这不是训练所得权重的问题。",
    )
