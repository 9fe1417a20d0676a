"""serve: an OpenAI-compatible server for the model that a run made, through the engine's own."""

from __future__ import annotations

import sys

import click

from orchestrator.base.language import say
from orchestrator.cli.completing import RunName
from orchestrator.cli.groups import PassesOn
from orchestrator.cli.output import echo


@click.command(cls=PassesOn)
@click.argument("run", type=RunName())
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on.",
)
@click.option(
    "--api-key-env",
    metavar="VARIABLE",
    default="API_KEY",
    show_default=True,
    help="The environment variable with the key that clients must send. Never give the key itself.",
)
@click.option("--model-name", help="The model's name for clients; by default the recipe's.")
@click.option("--adapter", "use_adapter", is_flag=True, help="Base model and adapter, not merged.")
@click.option("-n", "--dry-run", is_flag=True, help="Print the engine's command only.")
def serve(
    run: str,
    host: str,
    port: int,
    api_key_env: str,
    model_name: str | None,
    use_adapter: bool,
    dry_run: bool,
    engine_arguments: tuple[str, ...],
) -> None:
    """Serve what RUN made as an OpenAI-compatible API, with the template of its training.

    Only this machine can reach it unless --host says otherwise. What comes after -- is passed on.
    """
    from orchestrator.running import talk

    served = talk.prepare_server(
        run,
        {
            "host": host,
            "port": port,
            "model_name": model_name,
            "use_adapter": use_adapter,
            "extra": engine_arguments,
        },
    )
    echo(f"$ {served.line}", err=not dry_run)
    for warning in served.warnings:
        echo(f"{say('warning', '注意')}: {warning}", fg="yellow", err=True)
    if dry_run:
        return
    key = talk.api_key(api_key_env)
    reachable = host not in ("127.0.0.1", "localhost", "::1")
    if reachable and not key:
        echo(
            say(
                f"  warning: anybody who reaches {host}:{port} can use it; set {api_key_env} first",
                f"  注意：任何能访问 {host}:{port} 的人都可以使用它；请先设置 {api_key_env}",
            ),
            fg="yellow",
            err=True,
        )
    if served.rehearsal:
        noise = "  THIS MODEL IS FROM A REHEARSAL: its answers are noise."
        echo(say(noise, "  此模型来自预演（REHEARSAL）：它的回答没有意义。"), err=True)
    place = f"{served.page}: http://{host}:{port}" if served.page else f"http://{host}:{port}/v1"
    echo(say(f"  {place} (Ctrl-C ends it)", f"  {place}（按 Ctrl-C 结束）"), err=True)
    sys.exit(talk.run_on_terminal(served, {"API_KEY": key} if key else {}))
