"""The group of data commands: mistakes get a message with a next step, and an exit code.

0 done, 1 the data cannot be used, 2 a usage error or a missing file, 130 interrupted, 143 ended.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any

import click

from data_tools.language import say

INTERRUPTED = 130
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


class DataGroup(click.Group):
    """Shows errors as messages; knows which command was probably meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from data_tools.nearest import did_you_mean

        name = args[0]
        if name.startswith("-") or name in self.commands or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = did_you_mean(name, list(self.commands)) or ", ".join(self.commands)
        what = say(f"No such command {name!r}: {near}", f"没有 {name!r} 这个命令：{near}")
        raise click.UsageError(what, ctx)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. It ends the process itself when it fails, so that the exit code does not
        depend on how a program that mounts the group calls click."""
        from data_tools.containers.atomic import Terminated
        from data_tools.errors import DataError

        kept = say("earlier results are as they were", "先前的结果没有改动")
        try:
            return super().invoke(ctx)
        except DataError as error:
            error.fix = self._fitting(error.fix, ctx)
            _show(str(error))
            sys.exit(error.exit_code)
        except click.exceptions.Exit as done:
            sys.exit(done.exit_code)
        except KeyboardInterrupt:
            _show(say(f"interrupted; {kept}", f"已中断；{kept}"))
            sys.exit(INTERRUPTED)
        except Terminated as error:
            _show(say(f"ended by a signal; {kept}", f"被信号结束；{kept}"))
            sys.exit(error.code)
        except BrokenPipeError:  # who read standard output went away
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except OSError as error:
            _show(f"The system refused: {error.strerror or error}\n  where: {error.filename}")
            sys.exit(1)

    def _fitting(self, fix: str, ctx: click.Context) -> str:
        """The next step. Operations name options of `convert`; another command may lack them."""
        command = self.commands.get(ctx.invoked_subcommand or "")
        if command is None or options_in(fix) <= options_of(command):
            return fix
        if options_in(fix) <= options_of(self.commands["convert"]):
            first = f"`{ctx.command_path} convert`"
            return say(f"convert the file first ({first}): {fix}", f"请先转换（{first}）：{fix}")
        return ""


def options_in(text: str) -> set[str]:
    """The options that a text names."""
    return set(_OPTION.findall(text))


def options_of(command: click.Command) -> set[str]:
    """The options that a command has."""
    return {name for param in command.params for name in (*param.opts, *param.secondary_opts)}


def _show(text: str) -> None:
    first, *rest = text.splitlines()
    click.secho(f"{say('error', '错误')}: {first}", fg="red", err=True)
    for line in rest:
        click.echo(line, err=True)
